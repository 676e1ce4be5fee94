"""Claims about robust networks, each compared with the network whose twin it is."""

import numpy as np

from friendlyfire.claims.sample import Sample
from friendlyfire.measures.coupling import REFERENCE, difference

CLAIMS = {
    "robust-still-coupled": {
        "make": "robust_still_coupled",
        "section": "5, robust networks",
        "statement": "Robust training gives up accuracy where it gives up vulnerability.",
        "estimate": "absolute mean gap of accuracy at equal DeepFool fraction, of the network's line of coupling from "
        "that of the network whose twin it is, on DeepFool's own directions of each",
        "control": "the network whose twin it is",
        "reads": ["accuracy/deepfool-high.zarr.zip", "fractions/deepfool-high.zarr.zip"],
        "bases": ["deepfool-high"],
        "twin": "the same frequencies",
        "robust": True,
        "range": [0, 1],
        "holds": {"": ["<", 0.05]},
    },
    "robust-flatter": {
        "make": "robust_flatter",
        "section": "5, robust networks",
        "statement": "Robust training flattens the boundary.",
        "estimate": "largest absolute eigenvalue of the mean Hessians, over the same of the network whose twin it is; "
        "drawn as the curvature of single boundary points along its eigenvector varies",
        "control": "the network whose twin it is",
        "reads": ["bending/images.zarr.zip"],
        "twin": "the same frequencies",
        "robust": True,
        "range": [0, None],
        "holds": {"": ["<", 0.5]},
        "trust": "curvature",
    },
}


def robust_still_coupled(sample: Sample) -> np.ndarray:
    """Return robust-still-coupled (1 + draws,)."""
    apart = difference(sample.line(REFERENCE), sample.original.line(REFERENCE))
    return np.abs(np.nanmean(apart, axis=-1))


def robust_flatter(sample: Sample) -> np.ndarray:
    """Return robust-flatter (1 + draws,)."""
    return largest_curvature(sample) / largest_curvature(sample.original)


def largest_curvature(sample: Sample) -> np.ndarray:
    """Return the largest absolute eigenvalue (1 + draws,) over classes and ends of their spectra."""
    store = sample.stores["bending/images.zarr.zip"]
    means = sample.means(store["curvatures"], "boundary")
    return np.nanmax(np.abs(store["eigenvalues"] * means / means[0]), axis=1)
