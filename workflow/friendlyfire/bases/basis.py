"""Orthonormal bases of image space, whatever made them, as nested prefixes: S_k is the span of the first k columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.fft
import scipy.linalg

from friendlyfire.records.errors import BasisError

#: Bytes that a chunk of float32 rows holds at most where a matrix is never held whole.
CHUNK_BYTES = 2**30

#: Columns of a chunk that are turned to float64 at once.
BAND = 4096


@dataclass
class Basis:
    """A basis and the order of its columns.

    ``rounds[j]`` is the rank reached when every class has given its first j + 1 directions; empty for a basis that
    knows no classes.
    """

    vectors: np.ndarray  #: (d, k) float64, orthonormal to 1e-10
    scores: np.ndarray  #: (k,) eigenvalue, singular value ... of the direction that each column was made from
    rounds: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))  #: (r,) int64


def orthonormalise(
    blocks: Iterable[np.ndarray], pixels: int, largest: int | None = None, tolerance: float = 1e-8
) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormalise columns in their order, dropping those that depend on the ones before.

    Gram-Schmidt by blocks, each block twice against the columns before it (B. N. Parlett: twice is enough) and once
    more within itself, in float64: unlike a pivoted QR it keeps the order, so that every prefix spans what the same
    prefix of the input spans.

    Args:
        blocks: (d, b) arrays of columns of any length, in order; read until ``largest`` columns are kept.
        pixels: d.
        largest: columns kept at most; d unless given.
        tolerance: a column is dropped when less than this fraction of its length is new.

    Returns:
        ``vectors`` (d, k) with orthonormal columns, and ``kept`` (columns read,), which of the input's were kept.

    Raises:
        BasisError: a column is not finite.
    """
    largest = min(largest or pixels, pixels)
    basis, rank, kept = np.empty((pixels, largest), order="F"), 0, []
    for block in blocks:
        if not np.isfinite(block).all():
            raise BasisError("a direction is not finite; the stage that made it has failed")
        lengths = np.linalg.norm(block, axis=0)
        fresh = block / np.where(lengths > 0, lengths, 1)
        for _ in range(2):
            fresh = fresh - basis[:, :rank] @ (basis[:, :rank].T @ fresh)
        start = rank
        for column in fresh.T:
            for _ in range(2):
                column = column - basis[:, start:rank] @ (basis[:, start:rank].T @ column)
            length = np.linalg.norm(column)
            new = rank < largest and length > tolerance
            kept.append(new)
            if new:
                # What the first passes left of the older columns matters once the rest is small.
                column = column / length
                column = column - basis[:, :rank] @ (basis[:, :rank].T @ column)
                basis[:, rank] = column / np.linalg.norm(column)
                rank += 1
        if rank == largest:
            break
    return basis[:, :rank].copy(), np.array(kept, dtype=bool)


def interleave(
    directions: Sequence[Callable[[int], tuple[np.ndarray, np.ndarray]]], counts: Sequence[int], pixels: int
) -> Basis:
    """One basis of many ordered lists of directions: the first of every list, then the second of every list ...

    Section 4.2 of the paper aggregates d directions of each class and orthonormalises them; in this order the subspaces
    for all d are prefixes of a single basis.

    Args:
        directions: one function a list (a class, or a class and a sign); called with j, it gives the j-th direction
            (d,) and its score.
        counts: length of each list.
        pixels: d.
    """
    scores, rounds_read = [], []

    def blocks() -> Iterable[np.ndarray]:
        for j in range(max(counts)):
            found = [direction(j) for direction, count in zip(directions, counts, strict=True) if j < count]
            scores.extend(score for _, score in found)
            rounds_read.append(len(scores))
            yield np.stack([vector for vector, _ in found], axis=1)

    vectors, kept = orthonormalise(blocks(), pixels, sum(counts))
    rounds = np.cumsum(kept)[np.array(rounds_read) - 1]
    return Basis(vectors, np.array(scores)[: len(kept)][kept], rounds.astype(np.int64))


def gram_matrix(rows: Callable[[slice], np.ndarray], slices: Sequence[slice]) -> np.ndarray:
    """Gram matrix (n, n) of the rows of a matrix (n, d) that is never held whole, in float64.

    Args:
        rows: gives the rows of a slice, (m, d).
        slices: the chunks, two of which are held at once.
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
    """Right singular vectors and singular values of a matrix (n, d) that is never held whole.

    By the eigenpairs of the smaller of its two Gram matrices, (n, n) or (d, d), in float64: singular values above 1e-4
    of the largest are good to about 1e-8 of themselves. For n < d neither memory nor time depends on d squared.

    Args:
        rows: gives the rows of a slice, (m, d).
        n: number of rows.
        pixels: d.
        chunk: rows held at once, twice unless it is all of them; as many as 1 GB of float32 holds unless given.

    Returns:
        ``vectors`` (d, k), orthonormal, and ``values`` (k,) in descending order; k is the numerical rank.

    Raises:
        BasisError: there is no row, or all are zero.
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
    squares, eigenvectors = np.linalg.eigh(gram)
    values = np.sqrt(np.clip(squares[::-1], 0, None))
    # Below this the squares are rounding of the largest one.
    rank = int((values > values.max(initial=0) * np.sqrt(np.finfo(np.float64).eps * max(n, pixels))).sum())
    if rank == 0:
        raise BasisError(f"{n} rows of length {pixels} span nothing: are all perturbations zero?")
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
    # The division by small singular values leaves the last columns less orthogonal than rounding would. A triangular
    # factor mends that, and every prefix keeps its span; once more, where they were far from it.
    skew = 1.0
    while skew > 1e-3:
        products = vectors.T @ vectors
        skew = np.abs(products - np.eye(rank)).max()
        factor = scipy.linalg.cholesky(products, lower=True)
        for band in bands:
            vectors[band] = scipy.linalg.solve_triangular(factor, vectors[band].T, lower=True).T
    return vectors, values


def _slices(length: int, size: int) -> list[slice]:
    """The slices of ``size`` that cover ``length``."""
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def random_basis(pixels: int, count: int, seed: int) -> np.ndarray:
    """Orthonormal columns (d, k) drawn uniformly (Haar): the control in which no direction means anything.

    Source: F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 54 (2007).
    """
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((pixels, count)))
    return q * np.sign(np.diag(r))


def cosine_basis(shape: tuple[int, int, int], count: int | None = None) -> np.ndarray:
    """Discrete cosines (d, k) from low to high frequency: the control that knows natural images, but no data set.

    The orthonormal DCT-II of each channel, ordered by the sum of squared frequencies, channels in turn.

    Args:
        shape: (channels, height, width).
        count: k; all d unless given.
    """
    channels, height, width = shape
    count = channels * height * width if count is None else count
    rows, columns = (scipy.fft.dct(np.eye(side), norm="ortho", axis=0) for side in (height, width))
    squares = np.add.outer((np.arange(height) / height) ** 2, (np.arange(width) / width) ** 2).reshape(-1)
    lowest = np.argsort(squares, kind="stable")[: -(-count // channels)]
    planes = np.einsum("fh,fw->hwf", rows[lowest // width], columns[lowest % width])
    vectors = np.einsum("hwf,ce->chwfe", planes, np.eye(channels))
    return vectors.reshape(channels * height * width, -1)[:, :count]
