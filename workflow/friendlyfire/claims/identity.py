"""Claims of section 4.1: one direction carries all images into a class, or out of it."""

import numpy as np

from friendlyfire.claims.sample import Sample
from friendlyfire.measures.curves import additive_and_interaction, moves

CLAIMS = {
    "identity-positive": {
        "make": "carried",
        "section": "4.1, figure 2",
        "statement": "The most positive direction of a class carries other images into it.",
        "estimate": "fraction of other images carried in at the end of the range, minus that of a random direction; "
        "median over classes",
        "control": "random direction",
        "reads": ["scores/positive.zarr.zip", "scores/random.zarr.zip"],
        "range": [-1, 1],
        "holds": {"": [">", 0.25]},
        "trust": "curvature",
    },
    "identity-negative": {
        "make": "left",
        "section": "4.1, figure S1",
        "statement": "Images of a class leave it along its most negative direction.",
        "estimate": "fraction of own images that left at the end of the range, minus that of a random direction; "
        "median over classes",
        "control": "random direction",
        "reads": ["scores/negative.zarr.zip", "scores/random.zarr.zip"],
        "range": [-1, 1],
        "holds": {"": [">", 0.25]},
        "trust": "curvature",
    },
    "identity-flat": {
        "make": "changed",
        "section": "4.1, figure S2",
        "statement": "Nothing happens along the flattest direction.",
        "estimate": "fraction of all images whose prediction changes at the end of the range; worst class",
        "reads": ["scores/flat.zarr.zip"],
        "range": [0, 1],
        "holds": {"": ["<", 0.05]},
        "trust": "curvature",
    },
    "symmetric": {
        "make": "symmetric",
        "section": "1",
        "statement": "Along a curved direction, scores are about symmetric about some point.",
        "estimate": "symmetry minus its noise floor, positive and negative directions; median over classes",
        "control": "noise floor",
        "reads": ["scores/positive.zarr.zip", "scores/negative.zarr.zip"],
        "holds": {"": [">", 0.25]},
        "trust": "curvature",
    },
    "monotonic": {
        "make": "monotonic",
        "section": "1",
        "statement": "Along a curved direction, scores are monotonic on either side of that point.",
        "estimate": "monotonicity minus its noise floor, positive and negative directions; median over classes",
        "control": "noise floor",
        "reads": ["scores/positive.zarr.zip", "scores/negative.zarr.zip"],
        "holds": {"": [">", 0.25]},
        "trust": "curvature",
    },
    "separable": {
        "make": "separable",
        "section": "1",
        "statement": "Scores are additively separable along a curved direction.",
        "estimate": "fraction of the variance explained by the sum, minus its floor; and fraction of the interaction "
        "in what the direction explains; medians over classes",
        "control": "noise floor",
        "reads": ["scores/positive.zarr.zip", "scores/negative.zarr.zip"],
        "holds": {"sum": [">", 0.9], "interaction": ["<", 0.25]},
        "trust": "curvature",
    },
    "universal": {
        "make": "universal",
        "section": "1, 3",
        "statement": "A direction of positive curvature is a class-specific universal perturbation.",
        "estimate": "fooling rate of the best of the first positive directions, at the norm at which a random "
        "direction fools 5 % of the images, minus 0.05",
        "control": "random direction",
        "reads": ["scores/positive.zarr.zip", "scores/random.zarr.zip"],
        "holds": {"": [">", 0.2]},
        "trust": "curvature",
    },
}

#: Fraction of the images that a random direction fools at the norm that directions are compared at.
FOOLED = 0.05

#: The two ends of the range of a movement.
ENDS = (0, -1)


def carried(sample: Sample) -> np.ndarray:
    """Return identity-positive (1 + draws,)."""
    return _moved(sample, "positive", own=False) - _moved(sample, "random", own=False)


def left(sample: Sample) -> np.ndarray:
    """Return identity-negative (1 + draws,)."""
    return _moved(sample, "negative", own=True) - _moved(sample, "random", own=True)


def _moved(sample: Sample, kind: str, own: bool) -> np.ndarray:
    """Fraction of a class's own images that left it, or of the others that entered, at the end where it is larger."""
    store = sample.stores[f"scores/{kind}.zarr.zip"]
    predicted, clean = store["predicted"], store["clean"]
    found = []
    for target, there in zip(store["targets"], predicted, strict=True):
        inside = (there[:, ENDS] == target).astype(float)  # (n, 2)
        moved = 1 - inside if own else inside
        counted = clean == target if own else clean != target
        found.append(sample.means(np.where(counted[:, None], moved, np.nan)).max(1))
    return np.nanmedian(found, axis=0)


def changed(sample: Sample) -> np.ndarray:
    """Return identity-flat (1 + draws,)."""
    return _fooled(sample, "flat")[:, :, ENDS].max((0, 2))


def _fooled(sample: Sample, kind: str) -> np.ndarray:
    """Fraction (classes, 1 + draws, steps) of the images whose prediction changes along the direction of each class."""
    store = sample.stores[f"scores/{kind}.zarr.zip"]
    clean = store["clean"]
    return np.stack([sample.means((there != clean[:, None]).astype(float)) for there in store["predicted"]])


def universal(sample: Sample) -> np.ndarray:
    """Return universal (1 + draws,); both signs of a direction are tried at each norm."""
    steps = sample.stores["scores/positive.zarr.zip"]["positions"]
    middle = len(steps) // 2
    norms = steps[-(middle + 1) :]  # from about 0 to the end
    positive, random = (
        np.maximum(found[:, :, -(middle + 1) :], found[:, :, middle::-1])
        for found in (_fooled(sample, kind) for kind in ("positive", "random"))
    )
    control, best = random.mean(0), []
    for draw in range(len(control)):
        at = np.interp(FOOLED, np.maximum.accumulate(control[draw]), norms)
        best.append(max(np.interp(at, norms, one[draw]) for one in positive))
    found, (_, bound) = np.array(best) - FOOLED, CLAIMS["universal"]["holds"][""]
    # Where random directions never fool as many, the norm lies beyond the range, and the rate may be higher there.
    return np.where((control.max(1) < FOOLED) & (found <= bound), np.nan, found)


def symmetric(sample: Sample) -> np.ndarray:
    """Return symmetric (1 + draws,)."""
    return _form(sample, "symmetry", 0)


def monotonic(sample: Sample) -> np.ndarray:
    """Return monotonic (1 + draws,)."""
    return _form(sample, "monotonicity", 1)


def _form(sample: Sample, name: str, floor: int) -> np.ndarray:
    """Median over the classes of both kinds of the mean of a form, minus its noise floor."""
    found = []
    for kind in ("positive", "negative"):
        store = sample.stores[f"scores/{kind}.zarr.zip"]
        found.append(sample.means(store[name].T) - store["floors"][:, floor])
    return np.nanmedian(np.concatenate(found, axis=1), axis=1)


def separable(sample: Sample) -> dict[str, np.ndarray]:
    """Return separable: the sum and the interaction, each (1 + draws,)."""
    sums, interactions = [], []
    for kind in ("positive", "negative"):
        for scores in sample.stores[f"scores/{kind}.zarr.zip"]["anchored"].astype(np.float64):
            n, s = scores.shape
            if not moves(scores):
                continue
            rows = [np.repeat(scores, count.astype(int), axis=0) for count in sample.weights("anchored", n)]
            found = np.array([additive_and_interaction(part) for part in rows])
            sums.append(found[:, 0] - ((n - 1) + (s - 1)) / (n * s - 1))
            interactions.append(found[:, 1])
    none = [np.full(len(sample.weights("anchored", n)), np.nan)]
    return {"sum": np.median(sums or none, axis=0), "interaction": np.median(interactions or none, axis=0)}
