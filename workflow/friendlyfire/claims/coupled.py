"""Claims of section 5: classification and vulnerability are one, and the network's doing."""

import numpy as np

from friendlyfire.claims.sample import Sample
from friendlyfire.measures.coupling import REFERENCE, difference

CLAIMS = {
    "coupled": {
        "make": "coupled",
        "section": "5",
        "statement": "No subspace has accuracy without vulnerability, or the reverse.",
        "estimate": "largest absolute mean gap of accuracy at equal DeepFool fraction, of any basis that is made from "
        "the network, from DeepFool's own directions",
        "reads": ["accuracy/{basis}.zarr.zip", "fractions/{basis}.zarr.zip"],
        "bases": ["deepfool-high"],
        "range": [0, 1],
        "holds": {"": ["<", 0.05]},
        "trust": "curvature",
    },
    "network-not-data": {
        "make": "network_not_data",
        "section": "5, implied",
        "statement": "The coupling of both is the network's doing, not the data's.",
        "estimate": "gap of the images' principal components from DeepFool's own directions, at equal fraction",
        "reads": [
            "accuracy/deepfool-high.zarr.zip",
            "accuracy/pca.zarr.zip",
            "fractions/deepfool-high.zarr.zip",
            "fractions/pca.zarr.zip",
        ],
        "holds": {"": ["<", 0.05]},
    },
}


def coupled(sample: Sample) -> np.ndarray:
    """Return coupled (1 + draws,)."""
    bases = set(sample.bases("accuracy", "fractions")) & set(sample.made_by_network) - {REFERENCE}
    return np.max([np.abs(gap(sample, basis)) for basis in sorted(bases)], axis=0)


def network_not_data(sample: Sample) -> np.ndarray:
    """Return network-not-data (1 + draws,)."""
    return gap(sample, "pca")


def gap(sample: Sample, basis: str) -> np.ndarray:
    """Return the mean difference (1 + draws,) of accuracy from the reference at equal DeepFool fraction."""
    return np.nanmean(difference(sample.line(basis), sample.line(REFERENCE)), axis=-1)
