"""Claims of section 4.2: few curved directions decide, and flat ones do not."""

import numpy as np

from friendlyfire.claims.sample import Sample, at_rank
from friendlyfire.measures.ranks import crossing

CLAIMS = {
    "few-suffice": {
        "make": "few_suffice",
        "section": "4.2, figure 3",
        "statement": "Few curved directions decide.",
        "estimate": "rank at which the most positive directions reach 90 % of the full accuracy, over the pixels",
        "reads": ["accuracy/curvature-positive.zarr.zip"],
        "range": [0, None],
        "holds": {"": ["<", 0.25]},
        "trust": "curvature",
    },
    "fewer-than-random": {
        "make": "fewer_than_random",
        "section": "4.2",
        "statement": "Fewer curved directions are needed than others.",
        "estimate": "rank at which the most positive directions reach 90 % of the full accuracy, over that of random "
        "directions",
        "control": "random directions",
        "reads": ["accuracy/curvature-positive.zarr.zip", "accuracy/random.zarr.zip"],
        "range": [0, None],
        "holds": {"": ["<", 0.5]},
        "trust": "curvature",
    },
    "flat-useless": {
        "make": "flat_useless",
        "section": "4.2, figure 3",
        "statement": "The flattest directions do not decide.",
        "estimate": "accuracy on as many of the flattest directions as the most positive ones need for 90 % of the "
        "full accuracy, minus the most frequent class",
        "control": "most frequent class",
        "reads": ["accuracy/curvature-positive.zarr.zip", "accuracy/curvature-flat.zarr.zip"],
        "range": [-1, 1],
        "holds": {"": ["<", 0.1]},
        "trust": "curvature",
    },
    "sign-irrelevant": {
        "make": "sign_irrelevant",
        "section": "4.2",
        "statement": "The sign of the curvature does not matter.",
        "estimate": "absolute difference of accuracy between positive and negative directions; mean over ranks",
        "reads": ["accuracy/curvature-positive.zarr.zip", "accuracy/curvature-negative.zarr.zip"],
        "range": [0, 1],
        "holds": {"": ["<", 0.05]},
        "trust": "curvature",
    },
}

#: Fraction of the full accuracy that is to be reached.
LEVEL = 0.9


def needed(sample: Sample, basis: str) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds (1 + draws,) of the rank at which a basis reaches :data:`LEVEL` of the full accuracy.

    They are equal where it does. Else they are its last rank and infinity.
    """
    ranks, curves = sample.accuracy(basis)
    rank = crossing(ranks, curves, LEVEL * sample.full_accuracy(basis))
    return np.minimum(rank, ranks[-1]), rank


def decided(low: np.ndarray, high: np.ndarray, claim: str) -> np.ndarray:
    """Return estimates (1 + draws,) of which bounds are known: NaN where these lie on both sides of the claim's."""
    _, bound = CLAIMS[claim]["holds"][""]
    return np.where((low <= bound) & (high > bound) & (low < high), np.nan, high)


def few_suffice(sample: Sample) -> np.ndarray:
    """Return few-suffice (1 + draws,)."""
    low, high = needed(sample, "curvature-positive")
    return decided(low / sample.pixels, high / sample.pixels, "few-suffice")


def fewer_than_random(sample: Sample) -> np.ndarray:
    """Return fewer-than-random (1 + draws,)."""
    (low, high), (least, most) = needed(sample, "curvature-positive"), needed(sample, "random")
    return decided(low / most, high / least, "fewer-than-random")


def flat_useless(sample: Sample) -> np.ndarray:
    """Return flat-useless (1 + draws,)."""
    ranks, flat = sample.accuracy("curvature-flat")
    wanted = np.minimum(needed(sample, "curvature-positive")[0], ranks[-1])
    return at_rank(ranks, flat, wanted) - sample.majority


def sign_irrelevant(sample: Sample) -> np.ndarray:
    """Return sign-irrelevant (1 + draws,); the ranks of both are those of the same numbers of directions per class.

    NaN where neither reaches :data:`LEVEL`: two lines that never rise are alike whatever the sign means.
    """
    (_, positive), (_, negative) = (sample.accuracy(f"curvature-{sign}") for sign in ("positive", "negative"))
    shared = min(positive.shape[1], negative.shape[1])
    apart = np.abs(positive[:, :shared] - negative[:, :shared]).mean(1)
    rise = [np.isfinite(needed(sample, f"curvature-{sign}")[1]) for sign in ("positive", "negative")]
    return np.where(rise[0] | rise[1], apart, np.nan)
