"""How much of a perturbation lies in a subspace (section 4.3, figure 3, bottom row)."""

from collections.abc import Sequence

import numpy as np


def norm_fractions(perturbations: np.ndarray, basis: np.ndarray, ranks: Sequence[int]) -> np.ndarray:
    """Norm of each perturbation's projection onto the first k columns of a basis, as a fraction of its own.

    Fractions a and b in complementary subspaces satisfy a^2 + b^2 = 1.

    Args:
        perturbations: (n, d), none of them zero.
        basis: (d, k) orthonormal columns.
        ranks: ascending; the last at most k.

    Returns:
        (n, number of ranks) float64, in [0, 1].

    Cost:
        One projection onto the largest subspace for all ranks together.

    Raises:
        ValueError: a perturbation is zero.
    """
    perturbations = np.asarray(perturbations, dtype=np.float64)
    squares = np.square(perturbations).sum(1, keepdims=True)
    if not squares.all():
        raise ValueError(f"{int((squares == 0).sum())} of {len(squares)} perturbations are zero and have no direction")
    inside = np.cumsum(np.square(perturbations @ basis[:, : ranks[-1]]), axis=1) / squares
    inside = np.hstack([np.zeros((len(squares), 1)), inside])[:, list(ranks)]
    return np.sqrt(np.clip(inside, 0, 1))
