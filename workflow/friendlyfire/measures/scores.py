"""Effect of a movement along the first direction of a class on the scores of all images (section 4.1, figures 1, 2)."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.curves import Form, curve_form, movement, scores_along, separability
from friendlyfire.measures.images import measured_images
from friendlyfire.measures.measured import Measured
from friendlyfire.networks.network import Network, predict
from friendlyfire.records.errors import ConfigError
from friendlyfire.records.intervals import mean_interval, wilson_interval
from friendlyfire.records.progress import progress
from friendlyfire.records.stores import Store

MEASURES = {
    "scores": {
        "make": "scores",
        "per": "kind",
        "from": ["network", "dataset", "curvature"],
        "with": {},
        "gives": {
            "population": "{kind}.csv",
            "form": "{kind}-form.csv",
            "curves": "{kind}-curves.csv",
            "pictures": "{kind}.zarr.zip",
        },
        "store": "pictures",
        "gigabytes": [6, 0],
        "hours": 2,
        "description": "class scores along the first direction of each class",
        "options": {
            "images": {
                "default": 500,
                "type": "integer",
                "minimum": 2,
                "description": "how many of the measured images are moved",
            },
            "steps": {
                "default": 31,
                "type": "integer",
                "minimum": 9,
                "description": "number of points from one end to the other",
            },
            "extent": {
                "default": 1.0,
                "type": "number",
                "minimum": 0.01,
                "maximum": 100,
                "description": "length of the movement to each side, in mean norms of the mean-subtracted images",
            },
            "classes": {
                "default": 10,
                "type": "integer",
                "minimum": 1,
                "description": "number of classes whose directions are followed, drawn at random if there are more",
            },
            "shown": {
                "default": 0,
                "type": "integer",
                "minimum": 0,
                "description": "index of the class of figure 1",
            },
            "curves": {
                "default": 60,
                "type": "integer",
                "minimum": 1,
                "description": "number of images of figure 1, one curve per image",
            },
            "anchored_images": {
                "default": 100,
                "type": "integer",
                "minimum": 2,
                "description": "number of images in the grid for additive separability",
            },
        },
    },
}

#: Sort keys of a class's eigenvalues: the first direction of an order is followed.
KINDS = {"positive": np.negative, "negative": np.positive, "flat": np.abs}

#: Number of directions per class that are stored as pictures.
KEPT = 2

#: Number of pictures of one image on its way along the direction.
PICTURES = 5

#: Smallest number of carried images for which the median of their softmax is reported.
ENOUGH = 10

#: Percentiles of the scores over the images, as in the paper's figure 2.
PERCENTILES = (30, 50, 70)


def scores(
    network: Network,
    dataset: Dataset,
    curvature: Sequence[Store],
    kind: str,
    seed: Callable[..., int],
    *,
    images: int,
    steps: int,
    extent: float,
    classes: int,
    shown: int,
    curves: int,
    anchored_images: int,
) -> Measured:
    """Follow the class scores of many images along the first direction of each class.

    Args:
        network: in evaluation mode.
        dataset: its measured images are moved.
        curvature: stores of the eigenpairs of the mean Hessians.
        kind: "positive", "negative" or "flat": the part of the spectrum that is followed; "random" for a control.
        seed: a function that returns the seed of a draw from its names.
        images: number of images to move.
        steps: number of points from one end to the other.
        extent: length of the movement to each side, in mean norms of the mean-subtracted images.
        classes: number of classes to follow, drawn at random if there are more.
        shown: the class of figure 1.
        curves: number of images of figure 1.
        anchored_images: number of images in the grid for additive separability.

    Returns:
        Tables: ``population``, a row per class and step; ``form``, a row per class; ``curves``, a row per image of
        figure 1 and step. Arrays: pictures of the directions, and of an image on its way.

    Raises:
        ConfigError: ``shown`` has no directions.
    """
    part, pixels, mean = measured_images(network, dataset, images)
    indices = part.indices()
    clean = predict(network, pixels).argmax(1).cpu().numpy()
    shifts = movement(pixels, mean, extent, steps)
    positions, directions = shifts.cpu().numpy(), leading_directions(curvature, kind, seed)
    if shown not in directions:
        raise ConfigError(f"scores.shown: class {shown} has no directions; choose from 0 to {max(directions)}")
    rest = np.random.default_rng(seed()).permutation([c for c in sorted(directions) if c != shown])
    chosen = sorted([shown, *rest[: classes - 1].tolist()])  # the same classes for all kinds
    rng = np.random.default_rng(seed(kind))
    pictured = np.linspace(0, steps - 1, PICTURES).round().astype(int)
    populations, forms, kept = [], [], defaultdict(list)
    for c in progress(chosen, "classes"):
        direction = torch.from_numpy(directions[c][0]).reshape(dataset.shape).to(pixels.device)
        along = scores_along(network, pixels, direction, shifts)
        # Components are those of the mean-subtracted images.
        components = shifts + (mean * direction).sum()
        anchored = scores_along(network, pixels[:anchored_images], direction, components, anchored=True)
        name = {"class": dataset.class_names[c]}
        populations.append(population(along, clean, c, positions).assign(**name))
        found = curve_form(along[:, :, c], positions, rng)
        forms.append({**name, **form(found, anchored[:, :, c], len(along))})
        kept["predicted"].append(np.where(np.isfinite(along).all(2), along.argmax(2), -1))
        kept["anchored"].append(anchored[:, :, c])
        kept["symmetry"].append(found.symmetry_by_image)
        kept["monotonicity"].append(found.monotonicity_by_image)
        kept["floors"].append([found.symmetry_floor, found.monotonicity_floor])
        if c == shown:
            single = curve_table(along[:curves], c, positions, indices, dataset.class_names).assign(**name)
            moved = pixels[0] + shifts[pictured, None, None, None] * direction
            named = along[0, pictured].argmax(1)
    tables = {"population": pd.concat(populations), "form": pd.DataFrame(forms), "curves": single}
    for table in tables.values():
        table.insert(0, "role", "measured")
    arrays = {
        "directions": np.stack([directions[c] for c in chosen]).reshape(-1, KEPT, *dataset.shape),
        "steps": positions[pictured],
        "positions": positions,
        "clean": clean,
        "targets": np.array(chosen),
        "predicted": np.array(kept["predicted"], dtype=np.int16),  # (classes, n, steps)
        "anchored": np.array(kept["anchored"], dtype=np.float32),  # (classes, anchored images, steps)
        "symmetry": np.array(kept["symmetry"]),  # (classes, n), NaN for a curve that does not move
        "monotonicity": np.array(kept["monotonicity"]),
        "floors": np.array(kept["floors"]),  # (classes, 2): of the symmetry and of the monotonicity
        "images": moved.cpu().numpy(),
    }
    record = {
        "classes": [dataset.class_names[c] for c in chosen],
        "shown": dataset.class_names[shown],
        "predicted": [dataset.class_names[c] for c in named],
        "units": "pixels in [0, 1]; directions: unit norm",
    }
    return Measured(tables, arrays, record)


def leading_directions(curvature: Sequence[Store], kind: str, seed: Callable[..., int]) -> dict[int, np.ndarray]:
    """Read the first directions (2, d) of one kind for each class; draw them for the kind "random"."""
    found = {}
    for store in curvature:
        for c in store.record["classes"]:
            if kind == "random":
                drawn = np.random.default_rng(seed(kind, c)).standard_normal((KEPT, store.record["pixels"]))
                found[c] = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
                continue
            order = np.argsort(KINDS[kind](store[f"{c}/values"][store[f"{c}/kept"]]), kind="stable")[:KEPT]
            found[c] = store[f"{c}/vectors"].T[order]
    return found


def population(scores: np.ndarray, clean: np.ndarray, target: int, steps: np.ndarray) -> pd.DataFrame:
    """Summarise the effect of the movement on all images: the curves of the paper's figure 2.

    Args:
        scores: (n, s, classes).
        clean: (n,) predicted classes of the unmoved images.
        target: the direction's class.
        steps: (s,).
    """
    rivals = np.delete(scores, target, axis=2).max(2)
    there = (scores.argmax(2) == target) & np.isfinite(scores).all(2)  # (n, s)
    others, own = clean != target, clean == target
    confidence = softmax(scores, axis=2)[:, :, target]
    table = pd.DataFrame({"s": steps, "s_relative": steps / np.abs(steps).max()})
    for name, values in (("target", scores[:, :, target]), ("rival", rivals)):
        for percentile in PERCENTILES:
            table[f"{name}_p{percentile}"] = np.percentile(values, percentile, axis=0)
    for name, members in (("carried", others), ("stays", own)):
        counts = there[members].sum(0)
        bounds = [wilson_interval(int(k), members.sum()) if members.any() else (np.nan, np.nan) for k in counts]
        table[name] = counts / max(members.sum(), 1)
        table[f"{name}_ci_low"], table[f"{name}_ci_high"] = zip(*bounds, strict=True)
        table[f"{name}_images"] = members.sum()
    carried = there & others[:, None]
    table["softmax_median"] = [
        np.median(confidence[carried[:, k], k]) if carried[:, k].sum() >= ENOUGH else np.nan for k in range(len(steps))
    ]
    return table


def form(found: Form, anchored: np.ndarray, images: int) -> dict[str, float]:
    """Return symmetry, monotonicity and additive separability of one class's curves, with intervals and floors."""
    parts = separability(anchored)
    row = {"centre": found.centre}
    for name in ("symmetry", "monotonicity"):
        values = getattr(found, name)
        low, high = mean_interval(values, bounds=(0, 1)) if len(values) else (np.nan, np.nan)
        row |= {name: values.mean() if len(values) else np.nan, f"{name}_ci_low": low, f"{name}_ci_high": high}
        row[f"{name}_floor"] = getattr(found, f"{name}_floor")
    row["separability"], row["separability_floor"] = parts.additive, parts.additive_floor
    row["separability_ci_low"], row["separability_ci_high"] = parts.additive_interval
    row["interaction"] = parts.interaction
    row["interaction_ci_low"], row["interaction_ci_high"] = parts.interaction_interval
    return {**row, "images": images, "moving": len(found.symmetry), "anchored_images": len(anchored)}


def curve_table(
    scores: np.ndarray, target: int, steps: np.ndarray, indices: np.ndarray, names: list[str]
) -> pd.DataFrame:
    """Return the target's score of single images along the direction, with their predicted classes: figure 1."""
    return pd.DataFrame(
        {
            "image": np.repeat(indices[: len(scores)], len(steps)),
            "s": np.tile(steps, len(scores)),
            "score": scores[:, :, target].reshape(-1),
            "predicted": np.array(names)[scores.argmax(2).reshape(-1)],
        }
    )
