"""The fraction of a perturbation's norm in a subspace (section 4.3, figure 3, bottom row)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from friendlyfire.attacks.statuses import Status, with_direction
from friendlyfire.bases.basis import Basis
from friendlyfire.checks import check_basis, check_ranks
from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.ranks import rank_grid
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import mean_interval
from friendlyfire.records.stores import Store

MEASURES = {
    "fractions": {
        "make": "fractions",
        "per": "basis",
        "from": ["dataset", "basis", "perturbations"],
        "with": {
            "classes": "boundary.classes",
            "directions_per_class": "accuracy.directions_per_class",
            "ranks": "accuracy.ranks",
        },
        "gives": {"fractions": "{basis}.csv", "images": "{basis}.zarr.zip"},
        "store": "fractions",
        "gigabytes": [4, 2],
        "hours": 1,
        "description": "fractions of the perturbations' norms in the subspaces of each basis",
        "options": {
            "attacks": {
                "default": ["deepfool", "fgsm", "uap", "saliency"],
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": (
                    "attacks to show below the accuracies of figure 3: deepfool, fgsm, uap, saliency, foolbox:<Attack>"
                ),
            },
        },
    },
}

#: Number of perturbation values in memory at once.
ELEMENTS = 2**25


def fractions(
    dataset: Dataset,
    basis: Basis,
    perturbations: Sequence[Store],
    *,
    classes: list[int] | str,
    directions_per_class: int | list[int],
    ranks: int | list[int],
) -> Measured:
    """Measure the fraction of each perturbation's norm in the span of the first columns of a basis, at each rank.

    Args:
        dataset: the attacked data set.
        basis: any basis.
        perturbations: one store per attack; perturbations of held-out images are measured.
        classes: "all", or the classes with directions.
        directions_per_class: see :func:`.rank_grid`.
        ranks: likewise.

    Returns:
        A table with a row per attack and rank, and the fraction of each perturbation.

    Raises:
        NetworkError: an attack has fewer than two usable perturbations.
    """
    grid = rank_grid(basis, len(dataset.chosen_classes(classes)), directions_per_class, ranks)
    tables, arrays = [], {"ranks": grid["rank"].to_numpy()}
    for store in perturbations:
        attack = store.record["attack"]
        usable = usable_rows(store)
        parts = np.array_split(usable, -(-len(usable) * len(basis.vectors) // ELEMENTS))
        found = np.concatenate(
            [norm_fractions(store.rows("perturbations", part), basis.vectors, grid["rank"].tolist()) for part in parts]
        )
        name = attack.replace(":", "-")
        arrays[f"{name}/fractions"] = found.astype(np.float32)
        arrays[f"{name}/indices"] = store["indices"][usable] if "held_out" in store else usable
        low, high = mean_interval(found, bounds=(0, 1))
        columns = {"fraction": found.mean(0), "ci_low": low, "ci_high": high, "perturbations": len(found)}
        tables.append(grid.assign(attack=attack, **columns, **fooling(store)))
    units = "fractions: of the norm of each perturbation; indices: of its image, or its own number if it has none"
    attacks = [store.record["attack"] for store in perturbations]
    return Measured({"fractions": pd.concat(tables)}, arrays, {"attacks": attacks, "units": units})


def usable_rows(store: Store) -> np.ndarray:
    """Return the rows of the perturbations to measure: with a direction, and of held-out images if they have images."""
    attack = store.record["attack"]
    judged = store["held_out"] if "held_out" in store else np.ones(store.shape("norms")[0], dtype=bool)
    usable = judged & np.isin(store["statuses"], with_direction(attack)) & (store["norms"] > 0)
    if usable.sum() < 2:
        raise NetworkError(
            f"{attack} has {usable.sum()} usable perturbations of {judged.sum()} held-out images of "
            f"{store.record['experiment']}, but needs 2; raise held_out of its data set"
        )
    return np.flatnonzero(usable)


def fooling(store: Store) -> dict[str, Any]:
    """Return the columns ``role``, ``images`` and ``fooling``, the fraction of held-out images that an attack fools.

    Universal perturbations have the mean of their rates after the last pass, and saliency maps have no rate.
    """
    if "rates" in store:
        last = [rates[np.isfinite(rates)][-1] for rates in store["rates"]]
        return {"role": "directions", "images": store.record["held_out"], "fooling": float(np.mean(last))}
    statuses = store["statuses"][store["held_out"]]
    judged = (statuses != Status.NOT_JUDGED).any()
    rate = float((statuses == Status.CONVERGED).mean()) if judged else np.nan
    return {"role": "held-out", "images": len(statuses), "fooling": rate}


def norm_fractions(perturbations: np.ndarray, basis: np.ndarray, ranks: Sequence[int]) -> np.ndarray:
    """Return the norm of each perturbation's projection onto the first k columns of a basis, as a fraction of its norm.

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
        ValueError: a perturbation is zero, the basis is not orthonormal, or the ranks do not suit it.
    """
    perturbations = np.asarray(perturbations, dtype=np.float64)
    check_basis(basis, perturbations.shape[1])
    check_ranks(ranks, basis.shape[1])
    squares = np.square(perturbations).sum(1, keepdims=True)
    if not squares.all():
        raise ValueError(f"{int((squares == 0).sum())} of {len(squares)} perturbations are zero and have no direction")
    inside = np.cumsum(np.square(perturbations @ basis[:, : ranks[-1]]), axis=1) / squares
    inside = np.hstack([np.zeros((len(squares), 1)), inside])[:, list(ranks)]
    return np.sqrt(np.clip(inside, 0, 1))
