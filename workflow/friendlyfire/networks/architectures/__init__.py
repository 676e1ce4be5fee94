"""The networks that are trained here, one per file.

Each is declared in ``ARCHITECTURES`` and built by ``make(shape, classes, width, activation, pooling)``. It takes
normalised images (n, channels, height, width) and returns logits (n, classes).
"""
