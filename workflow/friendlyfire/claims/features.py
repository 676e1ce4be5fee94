"""A claim about networks that are trained on attacks."""

import numpy as np

from friendlyfire.claims.sample import Sample

CLAIMS = {
    "features": {
        "make": "features",
        "section": "5, features",
        "statement": "Perturbations are features: they suffice to train a network.",
        "estimate": "accuracy on clean images of a network that was trained on relabelled attacks only, minus the most "
        "frequent class",
        "control": "most frequent class",
        "reads": ["accuracy/random.zarr.zip"],
        "lessons": ["attacks", "noise"],
        "range": [-1, 1],
        "holds": {"": [">", 0.2]},
    },
}


def features(sample: Sample) -> np.ndarray:
    """Return features (1 + draws,)."""
    return sample.full_accuracy("random") - sample.majority
