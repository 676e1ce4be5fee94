"""The networks that are trained here, one a file.

Each is declared in ``ARCHITECTURES`` and built by ``make(shape, classes, width, activation, pooling)``. It takes images
already normalised, (n, channels, height, width), and returns logits (n, classes).
"""
