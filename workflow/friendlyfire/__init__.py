"""The algorithms of Friendly Fire: tensors and callables in, tensors out; a package per noun of the paper."""
