"""Orthonormal bases of image space, all of one form."""
