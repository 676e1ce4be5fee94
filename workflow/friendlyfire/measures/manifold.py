"""Attacks within the plane of the images, and off it.

Source: A. Shamir, O. Melamed, O. BenShmuel, "The dimpled manifold model of adversarial examples in machine learning",
2021: small perturbations are nearly perpendicular to the images' manifold, and those within it are far larger.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

from friendlyfire.bases.basis import Basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.images import measured_images
from friendlyfire.measures.margins import confined_margins, median_margin
from friendlyfire.measures.measured import Measured
from friendlyfire.networks.network import Network
from friendlyfire.records.errors import BasisError
from friendlyfire.records.progress import progress

MEASURES = {
    "manifold": {
        "make": "manifold",
        "per": "basis",
        "from": ["network", "dataset", "basis"],
        "with": {"options": "perturbations.deepfool"},
        "gives": {"manifold": "{basis}.csv", "images": "{basis}.zarr.zip"},
        "store": "manifold",
        "gigabytes": [8, 6],
        "hours": 4,
        "description": "margins within the first principal components, and within their complement",
        "options": {
            "images": {
                "default": 200,
                "type": "integer",
                "minimum": 2,
                "description": "how many of the measured images are attacked",
            },
            "variances": {
                "default": [0.5, 0.8, 0.9, 0.95, 0.99],
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "description": "fractions of the variance that the components hold; the claim off-manifold needs 0.95",
            },
        },
    },
}

#: Subspaces of each split: the components and their complement, and parts of both of equal dimension.
SIDES = ("on", "off", "on-equal", "off-equal")


def manifold(
    network: Network,
    dataset: Dataset,
    basis: Basis,
    seed: Callable[..., int],
    *,
    images: int,
    variances: list[float],
    options: dict[str, Any],
) -> Measured:
    """Measure the margin of each image within the first columns of a basis and within their complement.

    The columns are the fewest that hold a fraction of the variance: of the sum of the squared scores, which are
    singular values. At equal dimension, the larger side is replaced by a random subspace of it.

    DEPARTS from the source, whose manifold is that of an autoencoder: here it is a plane, of principal components.

    Args:
        network: in evaluation mode.
        dataset: its measured images are attacked.
        basis: principal components; any other basis has its own scores.
        seed: a function that returns the seed of a draw from its names.
        images: number of measured images.
        variances: fractions of the variance.
        options: options of :func:`.deepfool`.

    Returns:
        A table with a row per fraction and side, and the margin of each image.

    Raises:
        BasisError: the columns that hold a fraction fill the space, so there is no complement.
    """
    part, pixels, _ = measured_images(network, dataset, images)
    rows, norms = [], {side: [] for side in SIDES}
    for variance in progress(sorted(variances), "variances"):
        rank = rank_of_variance(basis.scores, variance)
        vectors, sides = split_space(basis.vectors, rank, np.random.default_rng(seed(str(variance))))
        space, blocks = torch.from_numpy(vectors.astype(np.float32)).to(pixels.device), list(dict.fromkeys(sides))
        found = dict(zip(blocks, confined_margins(network, pixels, space, blocks, **options), strict=True))
        for side, block in zip(SIDES, sides, strict=True):
            norms[side].append(found[block])
            at = {"variance": variance, "rank": rank, "side": side, "dimension": block[1] - block[0]}
            rows.append({"role": "measured", **at, **median_margin(found[block])})
    arrays = {"variances": np.array(sorted(variances)), **{side: np.stack(norms[side]) for side in SIDES}}
    units = "norms (variances, n): pixels in [0, 1], NaN where the attack failed"
    arrays["indices"] = part.indices()
    return Measured({"manifold": pd.DataFrame(rows)}, arrays, {"role": "measured", "units": units})


def rank_of_variance(scores: np.ndarray, variance: float) -> int:
    """Return the fewest columns whose squared scores (k,) sum to a fraction of the sum of all."""
    held = np.cumsum(np.square(scores, dtype=np.float64))
    return int(np.searchsorted(held, variance * held[-1])) + 1


def split_space(
    vectors: np.ndarray, rank: int, generator: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Divide image space into the span of the first columns of a basis and its complement.

    Both sides have a random orthonormal basis (Haar measure), so that its first columns span a random subspace.

    Args:
        vectors: (d, k) orthonormal columns.
        rank: number of columns on the first side.
        generator: of the random bases.

    Returns:
        An orthonormal basis (d, d) of the whole space, and the blocks of columns of each of :data:`SIDES`.

    Raises:
        BasisError: the columns fill the space.
    """
    d, on = len(vectors), vectors[:, :rank]
    if rank == d:
        raise BasisError(
            f"the first {rank} columns fill the {d} dimensions and have no complement; lower manifold.variances"
        )
    turned = on @ np.linalg.qr(generator.standard_normal((rank, rank)))[0]
    off = generator.standard_normal((d, d - rank))
    for _ in range(2):  # once leaves rounding errors
        off -= on @ (on.T @ off)
    equal = min(rank, d - rank)
    return np.hstack([turned, np.linalg.qr(off)[0]]), [(0, rank), (rank, d), (0, equal), (rank, rank + equal)]
