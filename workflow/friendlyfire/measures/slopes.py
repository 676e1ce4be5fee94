"""Does curvature at the boundary go with slope over a large range? (section 4.3)"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch

from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.curves import movement, scores_along
from friendlyfire.measures.images import measured_images
from friendlyfire.measures.measured import Measured
from friendlyfire.networks.network import Network
from friendlyfire.records.progress import progress
from friendlyfire.records.stores import Store

MEASURES = {
    "slopes": {
        "make": "slopes",
        "per": None,
        "from": ["network", "dataset", "curvature"],
        "with": {"steps": "scores.steps", "extent": "scores.extent"},
        "gives": {"slopes": "slopes.csv", "images": "slopes.zarr.zip"},
        "store": "slopes",
        "gigabytes": [6, 0],
        "hours": 2,
        "description": "slopes of the class scores along directions from all parts of the spectrum",
        "options": {
            "images": {
                "default": 50,
                "type": "integer",
                "minimum": 2,
                "description": "number of measured images to move",
            },
            "directions": {
                "default": 40,
                "type": "integer",
                "minimum": 4,
                "description": "number of directions per class, evenly spaced in the order of the eigenvalues",
            },
            "classes": {
                "default": 3,
                "type": "integer",
                "minimum": 1,
                "description": "number of classes, drawn at random if there are more",
            },
        },
    },
}


def slopes(
    network: Network,
    dataset: Dataset,
    curvature: Sequence[Store],
    seed: Callable[..., int],
    *,
    images: int,
    directions: int,
    classes: int,
    steps: int,
    extent: float,
) -> Measured:
    """Measure the mean absolute derivative of each class's score along its eigenvectors, over a large range.

    Args:
        network: in evaluation mode.
        dataset: its measured images are moved.
        curvature: stores of the eigenpairs of the mean Hessians.
        seed: a function that returns the seed of a draw from its names.
        images: number of images to move.
        directions: number of directions per class.
        classes: number of classes.
        steps: number of points from one end to the other.
        extent: length of the movement to each side, in mean norms of the mean-subtracted images.

    Returns:
        A table with a row per class and direction: its eigenvalue, and the slope in logits per pixel, over all images.
        And the slope of each image.
    """
    _, pixels, mean = measured_images(network, dataset, images)
    shifts = movement(pixels, mean, extent, steps)
    length = float(shifts[-1] - shifts[0])
    stores = {c: store for store in curvature for c in store.record["classes"]}
    chosen = sorted(np.random.default_rng(seed()).permutation(sorted(stores))[:classes].tolist())
    rows, found = [], []
    for c in progress(chosen, "classes"):
        values, kept = stores[c][f"{c}/values"], stores[c][f"{c}/kept"]
        vectors = stores[c][f"{c}/vectors"]
        for place in np.unique(np.linspace(0, len(kept) - 1, directions).round().astype(int)):
            direction = torch.from_numpy(vectors[:, place].copy()).reshape(dataset.shape).to(pixels.device)
            along = scores_along(network, pixels, direction, shifts)[:, :, c]
            found.append(np.abs(np.diff(along, axis=1)).sum(1) / length)
            rows.append({"class": dataset.class_names[c], "curvature": values[kept[place]], "slope": found[-1].mean()})
    table = pd.DataFrame(rows).assign(role="measured", images=len(pixels))
    units = "curvatures: logits / pixel^2; slopes (classes and directions, n): logits / pixel"
    arrays = {"curvatures": table["curvature"].to_numpy(), "slopes": np.stack(found)}
    return Measured({"slopes": table}, arrays, {"units": units})
