"""Orthonormal bases of image space of any kind, as nested prefixes: S_k is the span of the first k columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from friendlyfire.checks import check_basis
from friendlyfire.records.errors import BasisError
from friendlyfire.records.stores import open_store


@dataclass
class Basis:
    """A basis and the order of its columns.

    ``rounds[j]`` is the rank after the first j + 1 directions of every class; it is empty for a basis without classes.
    """

    vectors: np.ndarray  #: (d, k) float64, orthonormal to 1e-10
    scores: np.ndarray  #: (k,) eigenvalue, singular value ... of the direction behind each column
    rounds: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))  #: (r,) int64


def read_basis(path: str, experiment: str) -> Basis:
    """Load the basis of an experiment from its store.

    Raises:
        StoreError: see :func:`.open_store`.
    """
    with open_store(path, "basis", experiment) as store:
        return Basis(store["vectors"], store["scores"], store["rounds"])


def borrowed(basis: Basis) -> Basis:
    """Return the basis of another experiment as it is."""
    return basis


def subspace_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean squared cosine of the principal angles of two k-dimensional subspaces.

    It is 1 for equal subspaces, and k / d on average for random ones.

    Args:
        first: (d, k) orthonormal columns.
        second: likewise.

    Raises:
        ValueError: they have other shapes, or columns that are not orthonormal.
    """
    check_basis(first, len(first))
    check_basis(second, len(first))
    if first.shape != second.shape:
        raise ValueError(f"subspaces of {first.shape[1]} and {second.shape[1]} dimensions cannot be compared")
    return float(np.square(first.T @ second).sum() / first.shape[1])


def orthonormalise(
    blocks: Iterable[np.ndarray], pixels: int, largest: int | None = None, tolerance: float = 1e-8
) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormalise columns in their order, and drop those that depend on earlier columns.

    The method is block Gram-Schmidt in float64: each block is projected twice against the earlier columns (B. N.
    Parlett: twice is enough) and then orthonormalised within itself. Unlike a pivoted QR it keeps the order, so every
    prefix spans the same space as that prefix of the input.

    Args:
        blocks: (d, b) arrays of columns of any length, in order; read until ``largest`` columns are kept.
        pixels: d.
        largest: largest number of columns to keep; by default d.
        tolerance: a column is dropped if less than this fraction of its length is new.

    Returns:
        ``vectors`` (d, k) with orthonormal columns, and ``kept`` (columns read,), whether each input column was kept.

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
                # Remainders of the older columns matter if the new part is small.
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
    """Make one basis of many ordered lists of directions: the first of every list, then the second of every list ...

    Section 4.2 of the paper aggregates d directions of each class and orthonormalises them; in this order the subspaces
    for all d are prefixes of a single basis.

    Args:
        directions: one function per list (a class, or a class and a sign); called with j, it returns the j-th
            direction (d,) and its score.
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


def as_basis(directions: Any, pixels: int, name: str) -> Basis:
    """Convert the directions of a user's function to a basis, in their order.

    Args:
        directions: (d, k) columns of any length, finite; a pair of them and their scores (k,); or a :class:`Basis`.
        pixels: d.
        name: name of the function in messages.

    Raises:
        BasisError: the directions have another form, or span nothing.
    """
    if isinstance(directions, Basis):
        directions = directions.vectors, directions.scores
    vectors, scores = directions if isinstance(directions, tuple) and len(directions) == 2 else (directions, None)
    try:
        vectors = np.asarray(vectors, dtype=np.float64)
        scores = np.ones(vectors.shape[-1]) if scores is None else np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BasisError(f"{name} returns a {type(directions).__name__}, not a ({pixels}, k) array") from error
    if vectors.ndim != 2 or len(vectors) != pixels or scores.shape != vectors.shape[1:]:
        raise BasisError(
            f"{name} returns directions of shape {vectors.shape} with scores of shape {scores.shape}; "
            f"they must have the shapes ({pixels}, k) and (k,)"
        )
    if not np.isfinite(vectors).all():
        raise BasisError(f"{name} returns directions that are not finite")
    orthonormal, kept = orthonormalise([vectors], pixels)
    if not kept.any():
        raise BasisError(f"{name} returns directions that are all zero")
    return Basis(orthonormal, scores[: len(kept)][kept])
