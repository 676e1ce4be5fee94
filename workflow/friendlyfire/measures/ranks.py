"""The ranks at which bases are measured."""

import math

import pandas as pd

from friendlyfire.bases.basis import Basis


def spaced_ranks(largest: int, count: int) -> list[int]:
    """About ``count`` ranks from 1 to ``largest``, denser at both ends (on a cosine).

    A basis that matters turns the accuracy at its first directions, one that does not at its last.
    """
    return sorted({max(1, round(largest * (1 - math.cos(math.pi * i / count)) / 2)) for i in range(1, count + 1)})


def rank_grid(
    basis: Basis, classes: int, directions_per_class: int | list[int], ranks: int | list[int]
) -> pd.DataFrame:
    """Choose the ranks that a basis is measured at, from 0 to all, with the directions per class that they stand for.

    A rank of a basis that is ordered class by class is what the first j directions of every class span; of another
    one, any number, and j is that number over the classes.

    Args:
        basis: any.
        classes: how many classes have directions.
        directions_per_class: of a basis that is ordered class by class: a list, or how many to choose.
        ranks: of any other basis, likewise.
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
    """The wanted ranks below the largest, or so many of them, and the largest."""
    found = spaced_ranks(largest, wanted) if isinstance(wanted, int) else wanted
    return sorted({rank for rank in found if rank < largest} | {largest})
