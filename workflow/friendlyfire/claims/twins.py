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


#: Least part of the largest eigenvalue by which boundary points bend along its eigenvector. The mean Hessian is
#: measured along other probes: with steps that are too large it is not the curvature along the eigenvector.
CONFIRMED = 0.5


def robust_flatter(sample: Sample) -> np.ndarray:
    """Return robust-flatter (1 + draws,)."""
    (own, doubt), (others, others_doubt) = (largest_curvature(one) for one in (sample, sample.original))
    sample.doubt = doubt or others_doubt
    return own / others


def largest_curvature(sample: Sample) -> tuple[np.ndarray, str]:
    """Return the largest absolute eigenvalue (1 + draws,) over classes and ends of their spectra, and a doubt.

    The doubt is that boundary points bend by less than :data:`CONFIRMED` of it along its eigenvector; else empty.
    """
    store = sample.stores["bending/images.zarr.zip"]
    eigenvalues, means = store["eigenvalues"], sample.means(store["curvatures"], "boundary")
    largest = np.nanargmax(np.abs(eigenvalues))
    bent = means[0, largest] / eigenvalues[largest]
    doubt = f"{store.record['experiment']} bends by {bent:.2f} of its largest eigenvalue; set a smaller curvature.step"
    return np.nanmax(np.abs(eigenvalues * means / means[0]), axis=1), "" if bent >= CONFIRMED else doubt
