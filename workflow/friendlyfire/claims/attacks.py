"""Claims of section 4.3: attacks lie in the directions that classify."""

import numpy as np

from friendlyfire.claims.sample import Sample, area, rank_correlation
from friendlyfire.records.intervals import FEWEST

CLAIMS = {
    "attacks-inside": {
        "make": "attacks_inside",
        "section": "4.3, figure 3",
        "statement": "Attacks lie where the accuracy is.",
        "estimate": "rank correlation of accuracy and norm fraction over bases and ranks, for each attack",
        "reads": ["accuracy/{basis}.zarr.zip", "fractions/{basis}.zarr.zip"],
        "range": [-1, 1],
        "holds": {"*": [">", 0.8]},
    },
    "svd-orders": {
        "make": "svd_orders",
        "section": "4.3, figure 4",
        "statement": "Directions of high singular value classify, those of low do not.",
        "estimate": "area under accuracy over the logarithm of the rank, high minus low, over the full accuracy",
        "reads": ["accuracy/deepfool-high.zarr.zip", "accuracy/deepfool-low.zarr.zip"],
        "holds": {"": [">", 0.3]},
        "trust": "perturbations",
    },
    "svd-beats-chance-basis": {
        "make": "svd_beats_random",
        "section": "4.3",
        "statement": "Directions of high singular value classify more than random ones.",
        "estimate": "area under accuracy over the logarithm of the rank, high minus random, over the full accuracy",
        "control": "random directions",
        "reads": ["accuracy/deepfool-high.zarr.zip", "accuracy/random.zarr.zip"],
        "holds": {"": [">", 0.15]},
        "trust": "perturbations",
    },
    "confined-inverse": {
        "make": "confined_inverse",
        "section": "4.3, figure 5",
        "statement": "Confined attacks are small where images are recognisable, and large elsewhere.",
        "estimate": "rank correlation of the confined norm and the projected image's norm over ranks and both orders",
        "reads": ["confinement/deepfool-high.zarr.zip", "confinement/deepfool-low.zarr.zip"],
        "range": [-1, 1],
        "holds": {"": ["<", -0.8]},
        "trust": "perturbations",
    },
    "curvature-slope": {
        "make": "curvature_slope",
        "section": "4.3",
        "statement": "Curvature near the boundary goes with slope over a large range.",
        "estimate": "rank correlation over directions of absolute curvature and mean absolute derivative",
        "reads": ["slopes/slopes.zarr.zip"],
        "range": [-1, 1],
        "holds": {"": [">", 0.8]},
        "trust": "curvature",
    },
}


def attacks_inside(sample: Sample) -> dict[str, np.ndarray]:
    """Return attacks-inside, (1 + draws,) for each attack."""
    bases = sample.bases("accuracy", "fractions")
    accuracy = np.hstack([sample.accuracy(basis)[1] for basis in bases])
    attacks = [attack.replace(":", "-") for attack in sample.stores[f"fractions/{bases[0]}.zarr.zip"].record["attacks"]]
    found, classified = {}, sample.fewest
    for attack in attacks:
        sample.fewest = classified
        found[attack] = rank_correlation(accuracy, np.hstack([sample.fraction(basis, attack) for basis in bases]))
        sample.fewest_of[attack] = sample.fewest
    return found


def svd_orders(sample: Sample) -> np.ndarray:
    """Return svd-orders (1 + draws,)."""
    return _areas(sample, "deepfool-high", "deepfool-low")


def svd_beats_random(sample: Sample) -> np.ndarray:
    """Return svd-beats-chance-basis (1 + draws,)."""
    return _areas(sample, "deepfool-high", "random")


def _areas(sample: Sample, one: str, other: str) -> np.ndarray:
    """Difference of the areas under two lines, over the full accuracy."""
    return (area(*sample.accuracy(one)) - area(*sample.accuracy(other))) / sample.full_accuracy(one)


def confined_inverse(sample: Sample) -> np.ndarray:
    """Return confined-inverse (1 + draws,)."""
    stores = [sample.stores[f"confinement/deepfool-{order}.zarr.zip"] for order in ("high", "low")]
    images = np.hstack([sample.means(store["image_norms"].T) for store in stores])
    norms = np.hstack([store["norms"].T for store in stores])
    # Where hardly any attack succeeds, no norm is large enough.
    norms = np.where(np.isfinite(norms).sum(0) < FEWEST, np.nan, norms)
    attacks = sample.means(norms)
    return rank_correlation(np.where(np.isnan(attacks), np.inf, attacks), images)


def curvature_slope(sample: Sample) -> np.ndarray:
    """Return curvature-slope (1 + draws,)."""
    store = sample.stores["slopes/slopes.zarr.zip"]
    slopes = sample.means(store["slopes"].T)
    return rank_correlation(np.broadcast_to(np.abs(store["curvatures"]), slopes.shape), slopes)
