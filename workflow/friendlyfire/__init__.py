"""The algorithms of Friendly Fire, from tensors and callables to tensors: one package per noun of the paper."""
