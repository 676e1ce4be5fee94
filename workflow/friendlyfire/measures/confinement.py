"""Attacks confined to a subspace, and images projected onto it (section 4.3, figure 5)."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.basis import Basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.images import measured_images
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.projections import columns, nested_projections
from friendlyfire.measures.ranks import chosen_ranks
from friendlyfire.networks.network import Network
from friendlyfire.records.intervals import mean_interval, wilson_interval
from friendlyfire.records.progress import progress

MEASURES = {
    "confinement": {
        "make": "confinement",
        "per": "basis",
        "from": ["network", "dataset", "basis"],
        "with": {"options": "perturbations.deepfool"},
        "gives": {"confinement": "{basis}.csv", "pictures": "{basis}.zarr.zip"},
        "store": "pictures",
        "gigabytes": [6, 2],
        "hours": 4,
        "description": "attacks confined to the first columns of a basis",
        "options": {
            "images": {
                "default": 500,
                "type": "integer",
                "minimum": 2,
                "description": "how many of the measured images are attacked",
            },
            "ranks": {
                "default": 10,
                "description": ("ranks of the subspaces: a list, or their number; the full rank is always included"),
                "anyOf": [
                    {"type": "integer", "minimum": 1},
                    {"type": "array", "uniqueItems": True, "items": {"type": "integer", "minimum": 1}},
                ],
            },
            "pictures": {
                "default": 1,
                "type": "integer",
                "minimum": 1,
                "maximum": 16,
                "description": "number of images whose projections and attacks are stored as pictures",
            },
        },
    },
}


def confinement(
    network: Network,
    dataset: Dataset,
    basis: Basis,
    *,
    images: int,
    ranks: int | list[int],
    pictures: int,
    options: dict[str, Any],
) -> Measured:
    """Measure the norm and success of DeepFool confined to the first columns of a basis, at each rank.

    Args:
        network: in evaluation mode.
        dataset: its measured images are attacked.
        basis: any basis.
        images: number of measured images.
        ranks: a list, or the number of ranks.
        pictures: number of images to store as pictures.
        options: options of :func:`.deepfool`.

    Returns:
        A table with a row per rank, and pictures of the first images and their perturbations.
    """
    part, pixels, mean = measured_images(network, dataset, images)
    indices, shown, vectors = part.indices(), min(pictures, len(part)), columns(basis, pixels.device)
    grid = chosen_ranks(ranks, vectors.shape[1])
    rows, perturbations, projections, norms, image_norms = [], [], [], [], []
    nested = nested_projections(pixels, mean, vectors, grid)
    for rank, projected in zip(progress(grid, "ranks"), nested, strict=True):
        attack = deepfool(network, pixels, basis=vectors[:, :rank], **options)
        norms.append(np.where(attack.converged.cpu().numpy(), norms_of(attack.overshot), np.nan))
        image_norms.append(norms_of(projected - mean))
        rows.append({"role": "measured", "rank": rank, **summary(norms[-1], image_norms[-1])})
        perturbations.append(attack.perturbations[:shown].cpu().numpy())
        projections.append(projected[:shown].cpu().numpy())
    arrays = {
        "ranks": np.array(grid),
        "indices": indices[:shown],
        "images": pixels[:shown].cpu().numpy(),
        "perturbations": np.stack(perturbations),  # (ranks, n, channels, height, width)
        "projections": np.stack(projections),
        "norms": np.stack(norms),  # (ranks, n), NaN where the attack failed
        "image_norms": np.stack(image_norms),
    }
    units = "pixels in [0, 1]; perturbations without the overshoot"
    return Measured({"confinement": pd.DataFrame(rows)}, arrays, {"role": "measured", "units": units})


def norms_of(vectors: torch.Tensor) -> np.ndarray:
    """Return the norm (n,) of each perturbation or image."""
    return vectors.flatten(1).double().norm(dim=1).cpu().numpy()


def summary(norms: np.ndarray, image_norms: np.ndarray) -> dict[str, float]:
    """Return mean norms with 95 % intervals: of the attacks that succeeded, and of all projected images.

    Args:
        norms: (n,) of the attacks, NaN where they failed.
        image_norms: (n,) of the projected images.
    """
    converged = np.isfinite(norms)
    succeeded = norms[converged]
    row = {"norm": np.nan, "norm_ci_low": np.nan, "norm_ci_high": np.nan}  # no norm without success
    if len(succeeded):
        row["norm"] = succeeded.mean()
    if len(succeeded) > 1:
        row["norm_ci_low"], row["norm_ci_high"] = mean_interval(succeeded)
    row["image_norm"] = image_norms.mean()
    row["image_norm_ci_low"], row["image_norm_ci_high"] = mean_interval(image_norms)
    row["success"] = converged.mean()
    row["success_ci_low"], row["success_ci_high"] = wilson_interval(int(converged.sum()), len(converged))
    return {**row, "fooled": len(succeeded), "images": len(converged)}
