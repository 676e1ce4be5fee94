"""The ranks at which bases are measured."""

import math

import numpy as np
import pandas as pd

from friendlyfire.bases.basis import Basis


def spaced_ranks(largest: int, count: int) -> list[int]:
    """Choose about ``count`` ranks from 1 to ``largest``, denser at both ends (on a cosine).

    Accuracy changes at the first directions of a basis that matters, and at the last directions of one that does not.
    """
    return sorted({max(1, round(largest * (1 - math.cos(math.pi * i / count)) / 2)) for i in range(1, count + 1)})


def rank_grid(
    basis: Basis, classes: int, directions_per_class: int | list[int], ranks: int | list[int]
) -> pd.DataFrame:
    """Choose the ranks at which a basis is measured, from 0 to the full rank, with the directions per class.

    A basis that is ordered class by class has a rank for the first j directions of every class. For any other basis j
    is the rank divided by the number of classes.

    Args:
        basis: any basis.
        classes: number of classes with directions.
        directions_per_class: for a basis that is ordered class by class: a list, or the number of ranks.
        ranks: for any other basis, likewise.
    """
    rounds = basis.rounds
    if len(rounds):
        per_class = chosen_ranks(directions_per_class, len(rounds))
        found = [int(rounds[j - 1]) for j in per_class]
    else:
        found = chosen_ranks(ranks, basis.vectors.shape[1])
        per_class = [rank / classes for rank in found]
    return pd.DataFrame({"directions_per_class": [0, *per_class], "rank": [0, *found]})


def chosen_ranks(wanted: int | list[int], largest: int) -> list[int]:
    """Return the ranks of a list below the largest, or a number of spaced ranks, and always the largest."""
    found = spaced_ranks(largest, wanted) if isinstance(wanted, int) else wanted
    return sorted({rank for rank in found if rank < largest} | {largest})


def crossing(ranks: np.ndarray, curves: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The rank (b,) at which each curve first reaches its level, between the measured ranks by interpolation.

    Args:
        ranks: (r,) ascending.
        curves: (b, r).
        levels: (b,).

    Returns:
        Infinity where a curve never does.
    """
    there = curves >= levels[:, None]
    first, rows = there.argmax(1), np.arange(len(curves))
    before = np.maximum(first - 1, 0)
    low, high = curves[rows, before], curves[rows, first]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(first > 0, (levels - low) / (high - low), 1)
    found = ranks[before] + part * (ranks[first] - ranks[before])
    return np.where(there.any(1), np.where(first > 0, found, ranks[0]), np.inf)
