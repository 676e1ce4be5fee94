"""Discrete cosines: a control that suits natural images in general, but depends on no data set."""

import numpy as np
import scipy.fft

BASES = {
    "dct": {
        "make": "cosine_basis",
        "from": "dataset",
        "settings": ["bases.directions"],
        "scores": "1",
        "label": "cosines (control)",
        "colour": "#8C6D31",
    },
}


def cosine_basis(shape: tuple[int, int, int], count: int | None = None) -> np.ndarray:
    """Return discrete cosines (d, k) from low to high frequency, a control that depends on no data set.

    The orthonormal DCT-II of each channel, ordered by the sum of squared frequencies, channels in turn.

    Args:
        shape: (channels, height, width).
        count: k; by default all d.
    """
    channels, height, width = shape
    count = channels * height * width if count is None else count
    rows, columns = (scipy.fft.dct(np.eye(side), norm="ortho", axis=0) for side in (height, width))
    squares = np.add.outer((np.arange(height) / height) ** 2, (np.arange(width) / width) ** 2).reshape(-1)
    lowest = np.argsort(squares, kind="stable")[: -(-count // channels)]
    planes = np.einsum("fh,fw->hwf", rows[lowest // width], columns[lowest % width])
    vectors = np.einsum("hwf,ce->chwfe", planes, np.eye(channels))
    return vectors.reshape(channels * height * width, -1)[:, :count]
