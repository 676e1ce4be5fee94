"""The ranks at which bases are measured."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def spaced_ranks(largest: int, count: int) -> list[int]:
    """About ``count`` ranks from 1 to ``largest``, denser at both ends (on a cosine).

    A basis that matters turns the accuracy at its first directions, one that does not at its last.
    """
    return sorted({max(1, round(largest * (1 - math.cos(math.pi * i / count)) / 2)) for i in range(1, count + 1)})


def rank_grid(section: Mapping[str, Any], largest: int, rounds: np.ndarray, classes: int) -> pd.DataFrame:
    """Ranks at which the accuracy is measured, from 0 to all, with the directions a class that they stand for.

    Of a basis that is ordered class by class, a rank is what the first j directions of every class span; of another
    one, any number, and j that number divided by the classes.
    """
    if len(rounds):
        wanted = section["directions_per_class"]
        wanted = spaced_ranks(len(rounds), wanted) if isinstance(wanted, int) else wanted
        per_class = sorted({j for j in wanted if j < len(rounds)} | {len(rounds)})
        ranks = [int(rounds[j - 1]) for j in per_class]
    else:
        wanted = section["ranks"]
        wanted = spaced_ranks(largest, wanted) if isinstance(wanted, int) else wanted
        ranks = sorted({rank for rank in wanted if rank < largest} | {largest})
        per_class = [rank / classes for rank in ranks]
    return pd.DataFrame({"directions_per_class": [0, *per_class], "rank": [0, *ranks]})
