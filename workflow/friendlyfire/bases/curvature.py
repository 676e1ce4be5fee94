"""Directions of high and of low curvature, taken from all classes in turn (section 4.2)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np

from friendlyfire.bases.basis import Basis, interleave

BASES = {
    "curvature-positive": {
        "make": "curved_basis",
        "with": {"orders": ["positive"]},
        "from": "curvature",
        "settings": ["curvature"],
        "scores": "eigenvalues, logits / pixel^2",
        "label": "most positive curvature",
        "colour": "#D55E00",
    },
    "curvature-negative": {
        "make": "curved_basis",
        "with": {"orders": ["negative"]},
        "from": "curvature",
        "settings": ["curvature"],
        "scores": "eigenvalues, logits / pixel^2",
        "label": "most negative curvature",
        "colour": "#0072B2",
    },
    "curvature-extreme": {
        "make": "curved_basis",
        "with": {"orders": ["positive", "negative"]},
        "from": "curvature",
        "settings": ["curvature"],
        "scores": "eigenvalues, logits / pixel^2",
        "label": "both (twice as many)",
        "colour": "#CC79A7",
    },
    "curvature-flat": {
        "make": "curved_basis",
        "with": {"orders": ["flat"]},
        "from": "curvature",
        "settings": ["curvature"],
        "scores": "eigenvalues, logits / pixel^2",
        "label": "flattest",
        "colour": "#009E73",
    },
}

#: Sort keys of a class's eigenvalues.
ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "positive": np.negative,
    "negative": np.positive,
    "flat": np.abs,
}


def curved_basis(
    eigenpairs: Mapping[int, tuple[np.ndarray, np.ndarray]],
    directions: int | Literal["all"],
    pixels: int,
    *,
    orders: Sequence[str],
) -> Basis:
    """Make one basis of the eigenvectors of all classes: the first of every class, then the second of every class ...

    Args:
        eigenpairs: per class, eigenvalues (k,) and eigenvectors (d, k) of its mean Hessian.
        directions: largest number of directions per class and order.
        pixels: d.
        orders: names in :data:`ORDERS`; with several, each class contributes one direction of each order in its turn.
    """
    lists, counts = [], []
    for c in sorted(eigenpairs):
        values, vectors = eigenpairs[c]
        for name in orders:
            order = np.argsort(ORDERS[name](values), kind="stable")
            order = order if directions == "all" else order[:directions]
            lists.append(partial(_direction, values, vectors, order))
            counts.append(len(order))
    return interleave(lists, counts, pixels)


def _direction(values: np.ndarray, vectors: np.ndarray, order: np.ndarray, j: int) -> tuple[np.ndarray, float]:
    """Return the j-th direction in ``order`` and its curvature."""
    return vectors[:, order[j]].astype(np.float64), float(values[order[j]])
