"""Scores of all classes while an image moves along one direction of a class, or along two at once (section 4.1)."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.curves import movement, scores_along
from friendlyfire.measures.explored import explored_classes, explored_images, predicted
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.scores import KINDS, leading_directions
from friendlyfire.networks.network import Network, predict
from friendlyfire.records.progress import progress
from friendlyfire.records.stores import Store

MEASURES = {
    "walks": {
        "make": "walks",
        "per": None,
        "from": ["network", "dataset", "curvature"],
        "with": {"directed": "boundary.classes", "extent": "scores.extent"},
        "gives": {"walks": "walks.zarr.zip"},
        "store": "walks",
        "gigabytes": [6, 0],
        "hours": 1,
        "description": "the explorer's movements of single images along directions of classes",
        "options": {
            "images": {
                "default": 20,
                "type": "integer",
                "minimum": 1,
                "description": "how many of the measured images can be explored; they cover the classes",
            },
            "classes": {
                "default": 10,
                "type": "integer",
                "minimum": 1,
                "description": "largest number of classes whose directions can be followed",
            },
            "steps": {
                "default": 12,
                "type": "integer",
                "minimum": 1,
                "description": "number of steps to each side along one direction",
            },
            "grid": {
                "default": 3,
                "type": "integer",
                "minimum": 1,
                "description": "number of steps to each side along two directions at once",
            },
        },
    },
}


def walks(
    network: Network,
    dataset: Dataset,
    curvature: Sequence[Store],
    seed: Callable[..., int],
    *,
    directed: list[int] | str,
    extent: float,
    images: int,
    classes: int,
    steps: int,
    grid: int,
) -> Measured:
    """Follow the scores of all classes while images move along the first directions of several classes.

    Args:
        network: in evaluation mode.
        dataset: some of its measured images are moved, see :func:`.explored_images`.
        curvature: stores of the eigenpairs of the mean Hessians.
        seed: a function that returns the seed of a draw from its names.
        directed: "all", or the classes with directions.
        extent: length of the movement to each side, in mean norms of the mean-subtracted images.
        images: number of images.
        classes: largest number of classes.
        steps: number of steps to each side along one direction.
        grid: number of steps to each side along two directions at once; each is one of ``steps``.

    Returns:
        No table. Arrays: the images, the directions, and the scores on the way.
    """
    chosen = explored_classes(dataset.chosen_classes(directed), classes)
    pixels, mean, of_images = explored_images(network, dataset, chosen, images)
    kinds = kinds_of(curvature)
    pairs = list(combinations(range(len(kinds)), 2))
    leading = [leading_directions(curvature, kind, seed) for kind in kinds]
    shifts = movement(pixels, mean, extent, 2 * steps + 1)
    places = steps + np.linspace(-steps, steps, 2 * min(grid, steps) + 1).round().astype(int)
    coarse = shifts[torch.as_tensor(places, device=shifts.device)]
    along, across, directions = [], [], []
    for c in progress(chosen, "classes"):
        of_class = [torch.from_numpy(found[c][0]).reshape(dataset.shape).to(pixels.device) for found in leading]
        along.append([scores_along(network, pixels, direction, shifts) for direction in of_class])
        across.append([scores_across(network, pixels, of_class[a], of_class[b], coarse) for a, b in pairs])
        directions.append(torch.stack(of_class).cpu().numpy())
    along, across, clean = np.array(along), np.array(across), predict(network, pixels)
    arrays = {
        **of_images,
        "images": pixels.cpu().numpy(),
        "targets": np.array(chosen),
        "clean": clean.cpu().numpy(),  # (n, classes)
        "predicted": predicted(clean),
        "directions": np.stack(directions),  # (targets, kinds, channels, height, width)
        "steps": shifts.cpu().numpy(),
        "along": along.astype(np.float32),  # (targets, kinds, n, steps, classes)
        "along_predicted": predicted(along),
        "places": places,  # of the two-dimensional movement, among the steps
        "across": across.astype(np.float32),  # (targets, pairs of kinds, n, first, second, classes)
        "across_predicted": predicted(across),
        "pairs": np.array(pairs).reshape(-1, 2),
    }
    units = "pixels in [0, 1]; directions: unit norm; steps: norm of the movement"
    return Measured({}, arrays, {"role": "measured", "kinds": kinds, "classes": dataset.class_names, "units": units})


def kinds_of(curvature: Sequence[Store]) -> list[str]:
    """Return the kinds of directions that the decompositions hold; Lanczos finds the ends of a spectrum only."""
    whole = all(store.record["settings"]["solver"] == "dense" for store in curvature)
    return [kind for kind in KINDS if kind != "flat" or whole]


def scores_across(
    network: Callable[[Tensor], Tensor], images: Tensor, first: Tensor, second: Tensor, steps: Tensor
) -> np.ndarray:
    """Compute the scores (n, g, g, classes) of images moved by ``steps`` (g,) along two directions at once."""
    moved = [scores_along(network, images + step * first, second, steps) for step in steps]
    return np.stack(moved, axis=1)
