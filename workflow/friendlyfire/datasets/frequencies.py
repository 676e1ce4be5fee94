"""Images with flipped frequencies: what is coarse becomes fine, and the reverse.

Source: G. Ortiz-Jimenez, A. Modas, S.-M. Moosavi-Dezfooli, P. Frossard, "Hold me tight! Influence of discriminative
features on deep network boundaries", NeurIPS 2020, its experiments with flipped MNIST and CIFAR-10.
"""

import functools
from dataclasses import dataclass

import numpy as np
import scipy.fft

from friendlyfire.datasets.images import Split


@functools.cache
def flip_matrix(side: int) -> np.ndarray:
    """Return the matrix (side, side) that mirrors the discrete cosine coefficients of a line of pixels.

    It is D' J D, of the orthonormal DCT-II D and the reversal J: orthogonal, symmetric, and its own inverse.
    """
    cosines = scipy.fft.dct(np.eye(side), norm="ortho", axis=0)
    return cosines.T @ cosines[::-1]


def flipped(images: np.ndarray) -> np.ndarray:
    """Mirror the two-dimensional discrete cosine coefficients of images (..., height, width), channel by channel."""
    height, width = images.shape[-2:]
    return flip_matrix(height) @ images @ flip_matrix(width)


@functools.cache
def contrast(height: int, width: int) -> float:
    """Return the largest factor by which flipped images keep within [0, 1], whatever the images are.

    An image about its middle grey, of values within 1/2, has values within half the largest sum of absolute values of a
    row of the flip; an image of the signs of that row reaches it.
    """
    rows, columns = (np.abs(flip_matrix(side)).sum(1).max() for side in (height, width))
    return float(1 / (rows * columns))


def flipped_bytes(images: np.ndarray) -> np.ndarray:
    """Flip the frequencies of uint8 images (..., height, width), about middle grey, with less :func:`contrast`.

    DEPARTS from the source, whose flipped images are not stored and have any values: here they are bytes. Nothing is
    clipped. Distances between images shrink by the factor :func:`contrast`, and the rounding to bytes is that factor
    times coarser: of 8, 28, 32 and 224 pixels per side by 3.2, 6.2, 6.6 and 14.
    """
    centred = images / 255 - 0.5
    return np.rint(255 * (0.5 + contrast(*images.shape[-2:]) * flipped(centred))).astype(np.uint8)


@dataclass
class FlippedSplit:
    """A split whose images have flipped frequencies."""

    split: Split

    @property
    def labels(self) -> np.ndarray:
        """(n,) int64"""
        return self.split.labels

    @property
    def class_names(self) -> list[str]:
        """Names of the classes."""
        return self.split.class_names

    def fingerprint(self) -> str:
        """Return a text that changes with the images of the source."""
        return self.split.fingerprint()

    def image(self, index: int) -> np.ndarray:
        """Load the image at ``index``: uint8, (channels, height, width)."""
        return flipped_bytes(self.split.image(index))
