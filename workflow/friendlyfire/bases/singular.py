"""Singular vectors of perturbations (section 4.3), and of the images, which are their principal components."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg

from friendlyfire.bases.basis import Basis
from friendlyfire.records.errors import BasisError

BASES = {
    "deepfool-high": {
        "make": "singular_basis",
        "from": "perturbations",
        "of": "deepfool",
        "settings": [],
        "scores": "singular values of the perturbations of unit norm",
        "label": "DeepFool, high to low",
        "colour": "#E69F00",
    },
    "deepfool-low": {
        "make": "reversed_basis",
        "from": "basis",
        "of": "deepfool-high",
        "settings": [],
        "scores": "singular values of the perturbations of unit norm",
        "label": "DeepFool, low to high",
        "colour": "#56B4E9",
    },
    "pca": {
        "make": "singular_basis",
        "from": "dataset",
        "settings": ["bases.pca_images"],
        "scores": "singular values of the mean-subtracted images, pixels in [0, 1]",
        "label": "principal components (control)",
        "colour": "#555555",
    },
}

#: Largest size in bytes of a chunk of float32 rows of a matrix that is not fully in memory.
CHUNK_BYTES = 2**30

#: Columns of a chunk that are converted to float64 at once.
BAND = 4096


def singular_basis(rows: Callable[[slice], np.ndarray], number: int, pixels: int) -> Basis:
    """Return the right singular vectors of ``number`` rows in descending order of their singular values."""
    return Basis(*singular_directions(rows, number, pixels))


def reversed_basis(basis: Basis) -> Basis:
    """Return the same columns in reverse order."""
    return Basis(basis.vectors[:, ::-1], basis.scores[::-1])


def gram_matrix(rows: Callable[[slice], np.ndarray], slices: Sequence[slice]) -> np.ndarray:
    """Return the Gram matrix (n, n), in float64, of the rows of a matrix (n, d) that is not fully in memory.

    Args:
        rows: returns the rows of a slice, (m, d).
        slices: the chunks; two of them are in memory at once.
    """
    n = slices[-1].stop
    gram = np.zeros((n, n))
    for i, part in enumerate(slices):
        left = rows(part)
        for other in slices[i:]:
            right = left if other is part else rows(other)
            for band in _slices(left.shape[1], BAND):
                block = left[:, band].astype(np.float64)
                gram[part, other] += block @ (block if right is left else right[:, band].astype(np.float64)).T
            gram[other, part] = gram[part, other].T
    return gram


def singular_directions(
    rows: Callable[[slice], np.ndarray], n: int, pixels: int, chunk: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the right singular vectors and singular values of a matrix (n, d) that is not fully in memory.

    They come from the eigenpairs of the smaller of its two Gram matrices, (n, n) or (d, d), in float64. Singular values
    above 1e-4 of the largest have relative errors of about 1e-8. For n < d neither memory nor time depends on d^2.

    Args:
        rows: returns the rows of a slice, (m, d).
        n: number of rows.
        pixels: d.
        chunk: rows per chunk, of which two are in memory at once; by default 1 GB of float32.

    Returns:
        ``vectors`` (d, k), orthonormal, and ``values`` (k,) in descending order; k is the numerical rank.

    Raises:
        BasisError: there are no rows, all rows are zero, or some are not finite.
    """
    slices = _slices(n, chunk or max(1, CHUNK_BYTES // (4 * pixels)))
    if len(slices) == 1:
        rows = rows(slices[0]).__getitem__  # read once
    if n >= pixels:
        gram = np.zeros((pixels, pixels))
        for part in slices:
            block = rows(part).astype(np.float64)
            gram += block.T @ block
    else:
        gram = gram_matrix(rows, slices) if n else np.zeros((0, 0))
    if not np.isfinite(gram).all():
        raise BasisError(f"{n} rows of length {pixels} are not all finite, or too large to be squared")
    squares, eigenvectors = np.linalg.eigh(gram)
    values = np.sqrt(np.clip(squares[::-1], 0, None))
    # Below this the squares are rounding errors of the largest one.
    rank = int((values > values.max(initial=0) * np.sqrt(np.finfo(np.float64).eps * max(n, pixels))).sum())
    if rank == 0:
        raise BasisError(f"{n} rows of length {pixels} span nothing: are they all zero?")
    values, eigenvectors = values[:rank], eigenvectors[:, ::-1][:, :rank]
    if n >= pixels:
        return eigenvectors.copy(), values
    vectors, coefficients, bands = np.empty((pixels, rank)), eigenvectors / values, _slices(pixels, BAND)
    for part in slices:
        block = rows(part)
        for band in bands:
            columns = block[:, band].astype(np.float64).T
            if part is slices[0]:
                np.matmul(columns, coefficients[part], out=vectors[band])
            else:
                vectors[band] += columns @ coefficients[part]
    # The division by small singular values makes the last columns less orthogonal than rounding errors alone. A
    # triangular factor corrects that and keeps the span of every prefix; it is repeated if the correction was large.
    skew = 1.0
    while skew > 1e-3:
        products = vectors.T @ vectors
        skew = np.abs(products - np.eye(rank)).max()
        factor = scipy.linalg.cholesky(products, lower=True)
        for band in bands:
            vectors[band] = scipy.linalg.solve_triangular(factor, vectors[band].T, lower=True).T
    return vectors, values


def _slices(length: int, size: int) -> list[slice]:
    """Return the slices of ``size`` that cover ``length``."""
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]
