"""Orthonormal bases of image space, whatever made them, as nested prefixes: S_k is the span of the first k columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.fft

from friendlyfire.errors import BasisError


@dataclass
class Basis:
    """A basis and the order of its columns.

    ``rounds[j]`` is the rank reached when every class has given its first j + 1 directions; empty for a basis that
    knows no classes.
    """

    vectors: np.ndarray  #: (d, k) float64, orthonormal to 1e-10
    scores: np.ndarray  #: (k,) eigenvalue, singular value ... of the direction that each column was made from
    rounds: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))  #: (r,) int64


def orthonormalise(blocks: Iterable[np.ndarray], pixels: int, tolerance: float = 1e-8) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormalise columns in their order, dropping those that depend on the ones before.

    Gram-Schmidt by blocks, each block twice against the columns before it (B. N. Parlett: twice is enough) and once
    more within itself, in float64: unlike a pivoted QR it keeps the order, so that every prefix spans what the same
    prefix of the input spans.

    Args:
        blocks: (d, b) arrays of columns of any length, in order; read until d columns are kept.
        pixels: d.
        tolerance: a column is dropped when less than this fraction of its length is new.

    Returns:
        ``vectors`` (d, k) with orthonormal columns, and ``kept`` (columns read,), which of the input's were kept.

    Raises:
        BasisError: a column is not finite.
    """
    basis, rank, kept = np.empty((pixels, pixels), order="F"), 0, []
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
            new = rank < pixels and length > tolerance
            kept.append(new)
            if new:
                # What the first passes left of the older columns matters once the rest is small.
                column = column / length
                column = column - basis[:, :rank] @ (basis[:, :rank].T @ column)
                basis[:, rank] = column / np.linalg.norm(column)
                rank += 1
        if rank == pixels:
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

    vectors, kept = orthonormalise(blocks(), pixels)
    rounds = np.cumsum(kept)[np.array(rounds_read) - 1]
    return Basis(vectors, np.array(scores)[: len(kept)][kept], rounds.astype(np.int64))


def gram_matrix(rows: Callable[[slice], np.ndarray], n: int, chunk: int) -> np.ndarray:
    """Gram matrix (n, n) of the rows of a matrix (n, d) that is never held whole, in float64.

    Args:
        rows: gives the rows of a slice, (m, d).
        n: number of rows.
        chunk: rows held at once, twice.
    """
    gram = np.empty((n, n))
    for i in range(0, n, chunk):
        left = rows(slice(i, min(i + chunk, n))).astype(np.float64)
        for j in range(i, n, chunk):
            right = left if i == j else rows(slice(j, min(j + chunk, n))).astype(np.float64)
            gram[i : i + len(left), j : j + len(right)] = left @ right.T
            gram[j : j + len(right), i : i + len(left)] = gram[i : i + len(left), j : j + len(right)].T
    return gram


def singular_directions(
    rows: Callable[[slice], np.ndarray], n: int, pixels: int, chunk: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors and singular values of a matrix (n, d) that is never held whole.

    By the eigenpairs of the smaller of its two Gram matrices, (n, n) or (d, d), in float64: singular values above 1e-4
    of the largest are good to about 1e-8 of themselves. For n < d neither memory nor time depends on d squared.

    Args:
        rows: gives the rows of a slice, (m, d).
        n: number of rows.
        pixels: d.
        chunk: rows held at once.

    Returns:
        ``vectors`` (d, k), orthonormal, and ``values`` (k,) in descending order; k is the numerical rank.

    Raises:
        BasisError: there is no row, or all are zero.
    """
    slices = [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]
    if n < pixels:
        squares, left = np.linalg.eigh(gram_matrix(rows, n, chunk)) if n else (np.zeros(0), np.zeros((0, 0)))
    else:
        gram = np.zeros((pixels, pixels))
        for part in slices:
            block = rows(part).astype(np.float64)
            gram += block.T @ block
        squares, right = np.linalg.eigh(gram)
    values = np.sqrt(np.clip(squares[::-1], 0, None))
    # Below this the squares are rounding of the largest one.
    rank = int((values > values.max(initial=0) * np.sqrt(np.finfo(np.float64).eps * max(n, pixels))).sum())
    if rank == 0:
        raise BasisError(f"{n} rows of length {pixels} span nothing: are all perturbations zero?")
    if n >= pixels:
        return right[:, ::-1][:, :rank].copy(), values[:rank]
    coefficients = left[:, ::-1][:, :rank] / values[:rank]
    vectors = sum(rows(part).astype(np.float64).T @ coefficients[part] for part in slices)
    # The division by small singular values leaves the last columns less orthogonal than rounding would.
    vectors, kept = orthonormalise((vectors[:, i : i + 64] for i in range(0, rank, 64)), pixels)
    return vectors, values[:rank][kept]


def random_basis(pixels: int, count: int, seed: int) -> np.ndarray:
    """Orthonormal columns (d, k) drawn uniformly (Haar): the control in which no direction means anything.

    Source: F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 54 (2007).
    """
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((pixels, count)))
    return q * np.sign(np.diag(r))


def cosine_basis(shape: tuple[int, int, int]) -> np.ndarray:
    """Discrete cosines (d, d) from low to high frequency: the control that knows natural images, but no data set.

    The orthonormal DCT-II of each channel, ordered by the sum of squared frequencies, channels in turn.

    Args:
        shape: (channels, height, width).
    """
    channels, height, width = shape
    rows, columns = (scipy.fft.dct(np.eye(side), norm="ortho", axis=0) for side in (height, width))
    planes = np.einsum("ah,bw->abhw", rows, columns).reshape(height * width, -1)  # one cosine a row
    squares = np.add.outer((np.arange(height) / height) ** 2, (np.arange(width) / width) ** 2).reshape(-1)
    order = np.argsort(squares, kind="stable")
    return np.einsum("fp,ce->cpfe", planes[order], np.eye(channels)).reshape(channels * height * width, -1)
