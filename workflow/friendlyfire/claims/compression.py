"""Claims of section 4.4: resampling seems to protect, and does not."""

import numpy as np

from friendlyfire.claims.sample import Sample

CLAIMS = {
    "resampling-masks": {
        "make": "masks",
        "section": "4.4, table 1",
        "statement": "Resampling seems to protect.",
        "estimate": "fooling rate at f = 1 behind the strongest unit that keeps 90 % of the full accuracy",
        "reads": ["resampling/images.zarr.zip"],
        "range": [0, 1],
        "holds": {"": ["<", 0.6]},
    },
    "scaling-restores": {
        "make": "restores",
        "section": "4.4, table 1",
        "statement": "Lengthened perturbations fool again.",
        "estimate": "fooling rate at f = 5 behind the strongest unit that keeps 90 % of the full accuracy",
        "factor": 5,
        "reads": ["resampling/images.zarr.zip"],
        "range": [0, 1],
        "holds": {"": [">", 0.8]},
    },
    "confined-white-box": {
        "make": "confined",
        "section": "4.4",
        "statement": "Confinement to the resampled directions is as good as a white box.",
        "estimate": "fooling rate at the white box's median norm behind the strongest unit that keeps 90 % of the full "
        "accuracy, confined over white box",
        "control": "white box",
        "reads": ["resampling/images.zarr.zip"],
        "range": [0, None],
        "holds": {"": [">", 0.9]},
    },
}

#: Fraction of the full accuracy that a unit keeps.
KEPT = 0.9


def masks(sample: Sample) -> np.ndarray:
    """Return resampling-masks (1 + draws,)."""
    return _fooling(sample, 1)


def restores(sample: Sample) -> np.ndarray:
    """Return scaling-restores (1 + draws,)."""
    return _fooling(sample, 5)


def confined(sample: Sample) -> np.ndarray:
    """Return confined-white-box (1 + draws,)."""
    store = sample.stores["resampling/images.zarr.zip"]
    rates = sample.means(store["at_median"].transpose(2, 0, 1))  # (1 + draws, sides, 2)
    confined, white_box = np.moveaxis(rates[np.arange(len(rates)), _strongest(sample)], 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(_strongest(sample) < 0, np.nan, confined / white_box)


def _fooling(sample: Sample, factor: float) -> np.ndarray:
    """Fooling rate of perturbations that are lengthened by a factor, behind the strongest unit."""
    store = sample.stores["resampling/images.zarr.zip"]
    column = store["factors"].tolist().index(factor)
    rates = sample.means(store["fooled"][:, column].T.astype(float))
    chosen = _strongest(sample)
    return np.where(chosen < 0, np.nan, rates[np.arange(len(rates)), chosen])


def _strongest(sample: Sample) -> np.ndarray:
    """Which side (1 + draws,) is the smallest that keeps :data:`KEPT` of the full accuracy; -1 if none does.

    A unit that keeps the side of the images is none.
    """
    store = sample.stores["resampling/images.zarr.zip"]
    accuracy, sides = sample.means(store["correct"].T.astype(float)), store["sides"]
    enough = (accuracy >= KEPT * sample.means(store["whole"].astype(float))[:, None]) & (sides < sample.side)
    return np.where(enough.any(1), np.where(enough, sides, sides.max() + 1).argmin(1), -1)
