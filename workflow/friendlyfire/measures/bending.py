"""Curvature of single boundary points along the most curved directions of their class."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.attacks.gradients import gradients
from friendlyfire.curvature.samples import SOURCES, step_of
from friendlyfire.measures.measured import Measured
from friendlyfire.networks.network import Network
from friendlyfire.records.progress import progress
from friendlyfire.records.stores import Store

MEASURES = {
    "bending": {
        "make": "bending",
        "per": None,
        "from": ["network", "boundary", "curvature"],
        "with": {},
        "gives": {"bending": "bending.csv", "images": "images.zarr.zip"},
        "store": "bending",
        "gigabytes": [6, 1],
        "hours": 1,
        "description": "curvature of single boundary points along the most curved directions",
        "options": {},
    },
}


def bending(network: Network, boundary: Sequence[Store], curvature: Sequence[Store]) -> Measured:
    """Measure the curvature of each boundary point along the first and the last eigenvector of its class.

    An eigenvalue of the mean Hessian has no value per image. The mean of these curvatures over the points is that
    eigenvalue where the Hessian is exact. Where it is measured by differences of a large step, here along the direction
    itself and there along other probes, the two differ by a factor; the spread over the points serves for both.

    Args:
        network: in evaluation mode.
        boundary: stores of the boundary points.
        curvature: stores of the eigenpairs of the mean Hessians, in the same order.

    Returns:
        A table with a row per class and end of the spectrum, the curvature of each point: (images, rows), NaN where an
        image has no point, and the eigenvalues (rows,).
    """
    rows, found = [], []
    for points, pairs in zip(boundary, curvature, strict=True):
        section, names = pairs.record["settings"], pairs.record["class_names"]
        step = step_of(section, pairs.record["pixels"])
        for c, name in progress(list(zip(pairs.record["classes"], names, strict=True)), "classes"):
            positions, sources = points[f"{c}/positions"], points[f"{c}/{SOURCES[section['source']]}"]
            images = torch.from_numpy(points[f"{c}/points"]).to(network.mean.device)
            values, vectors, kept = pairs[f"{c}/values"], pairs[f"{c}/vectors"], pairs[f"{c}/kept"]
            for end, column in (("positive", 0), ("negative", -1)):
                direction = torch.from_numpy(vectors[:, column].copy()).reshape(images.shape[1:]).to(images)
                along = curvatures(network, images, c, torch.from_numpy(sources).to(images.device), direction, step)
                by_image = np.full(len(points[f"{c}/statuses"]), np.nan)
                by_image[positions] = along
                found.append(by_image)
                about = {"curvature": along.mean(), "eigenvalue": values[kept[column]], "points": len(along)}
                rows.append({"class": name, "end": end, **about})
    n = max(map(len, found))
    stacked = np.stack([np.pad(values, (0, n - len(values)), constant_values=np.nan) for values in found], axis=1)
    table = pd.DataFrame(rows)
    units = "curvatures (images, classes and ends), eigenvalues: logits / pixel^2; NaN without a point"
    arrays = {"curvatures": stacked, "eigenvalues": table["eigenvalue"].to_numpy()}
    return Measured({"bending": table}, arrays, {"units": units})


def curvatures(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    target: int,
    sources: Tensor,
    direction: Tensor,
    step: float,
) -> np.ndarray:
    """Return the second derivative (n,) of F_target - F_source along a direction, by central differences of gradients.

    Args:
        network: images (n, channels, height, width) to logits, each image on its own.
        images: the points.
        target: class on the positive side.
        sources: (n,) source class of each point.
        direction: (channels, height, width), of norm 1.
        step: h, in pixels in [0, 1].

    Cost:
        Two gradients per point.
    """

    def margin(logits: Tensor, labels: Tensor) -> Tensor:
        return logits[:, target] - logits.gather(1, labels[:, None]).squeeze(1)

    ahead, behind = (gradients(network, images + sign * step * direction, sources, margin) for sign in (1, -1))
    slopes = ((ahead - behind).double() * direction.double()).flatten(1).sum(1)
    return (slopes / (2 * step)).cpu().numpy()
