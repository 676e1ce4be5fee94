"""Claims of other papers about the same directions: as singular vectors of Jacobians, and in other networks."""

import numpy as np

from friendlyfire.bases.basis import subspace_overlap
from friendlyfire.claims.sample import Sample
from friendlyfire.records.seeds import repetition_of
from friendlyfire.records.stores import Store

CLAIMS = {
    "jacobian-same": {
        "make": "jacobian_same",
        "section": "beyond: Khrulkov, Oseledets 2018",
        "statement": "Singular directions of Jacobians are the directions of attack.",
        "estimate": "overlap of the first ten singular vectors of the logits' Jacobians with the first ten directions "
        "of attack",
        "reads": ["bases/jacobian.zarr.zip", "bases/deepfool-high.zarr.zip"],
        "bases": ["jacobian"],
        "range": [0, 1],
        "holds": {"": [">", 0.5]},
        "trust": "perturbations",
        "over": "repetitions",
    },
    "shared-directions": {
        "make": "shared_directions",
        "section": "beyond: Tramèr et al. 2017",
        "statement": "Networks share their directions.",
        "estimate": "accuracy on another network's directions of attack, as many as that one needs for 90 % of its "
        "accuracy, over the accuracy on as many own ones; for each other experiment, mean over its repetitions",
        "control": "own directions",
        "reads": ["transfer/{theirs}.zarr.zip"],
        "range": [0, None],
        "holds": {"*": [">", 0.9]},
        "trust": "perturbations",
    },
}

#: Leading directions that are compared.
LEADING = 10


def jacobian_same(sample: Sample) -> np.ndarray:
    """Return jacobian-same (1 + draws,); images are not drawn again, because they make the directions."""
    stores = [sample.stores[f"bases/{basis}.zarr.zip"] for basis in ("jacobian", "deepfool-high")]
    sample.fewest = min(stores[0].record["images"], stores[1].record["perturbations"])
    leading = min(LEADING, *(store.shape("vectors")[1] for store in stores))
    overlap = subspace_overlap(*(store.read("vectors", np.s_[:, :leading]) for store in stores))
    return np.full(1 + sample.draws, overlap)


def shared_directions(sample: Sample) -> dict[str, np.ndarray]:
    """Return shared-directions (1 + draws,) for each other experiment."""
    ratios = {}
    for path, store in sample.stores.items():
        if path.startswith("transfer/") and store.record["theirs"] != store.record["experiment"]:
            other, _ = repetition_of(store.record["theirs"])
            ratios.setdefault(other, []).append(_ratio(sample, store))
    return {other: np.mean(found, axis=0) for other, found in ratios.items()}


def _ratio(sample: Sample, store: Store) -> np.ndarray:
    """Accuracy on the other network's directions over that on own ones; NaN if the other never needs a rank."""
    if store.record["rank"] is None:
        return np.full(1 + sample.draws, np.nan)
    return sample.means(store["theirs"].astype(float)) / sample.means(store["ours"].astype(float))
