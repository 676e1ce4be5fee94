"""Classifiers: architectures, training, loading, and whether one is what it is said to be."""
