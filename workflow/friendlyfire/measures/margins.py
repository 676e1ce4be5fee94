"""The margin profile: the least perturbation within blocks of consecutive directions of a basis.

Source: G. Ortiz-Jimenez, A. Modas, S.-M. Moosavi-Dezfooli, P. Frossard, "Hold me tight! Influence of discriminative
features on deep network boundaries", NeurIPS 2020.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.basis import Basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.images import measured_images
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.projections import columns
from friendlyfire.networks.network import Network
from friendlyfire.records.intervals import median_interval, wilson_interval
from friendlyfire.records.progress import progress

MEASURES = {
    "margins": {
        "make": "margins",
        "per": "basis",
        "from": ["network", "dataset", "basis"],
        "with": {"options": "perturbations.deepfool"},
        "gives": {"margins": "{basis}.csv", "images": "{basis}.zarr.zip"},
        "store": "margins",
        "gigabytes": [8, 2],
        "hours": 4,
        "description": "margins of the network within blocks of consecutive directions of a basis",
        "options": {
            "images": {
                "default": 200,
                "type": "integer",
                "minimum": 2,
                "description": "how many of the measured images are attacked",
            },
            "width": {
                "default": 0.08,
                "description": (
                    "number of directions per block; a number below 1 is a fraction of the directions of the basis"
                ),
                "anyOf": [
                    {"type": "integer", "minimum": 1},
                    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                ],
            },
            "blocks": {
                "default": 24,
                "type": "integer",
                "minimum": 2,
                "description": "number of blocks, evenly spaced from the first direction to the last; they may overlap",
            },
        },
    },
}

#: Largest number of pixel values that are attacked at once.
ELEMENTS = 2**25


def margins(
    network: Network,
    dataset: Dataset,
    basis: Basis,
    *,
    images: int,
    width: float,
    blocks: int,
    options: dict[str, Any],
) -> Measured:
    """Measure the margin of each image within sliding blocks of consecutive directions of a basis.

    DEPARTS from the source, whose blocks are squares on the diagonal of the plane of discrete cosines: here a block is
    a range of the columns of any basis. Those of the basis ``dct`` are in order of their frequency.

    Args:
        network: in evaluation mode.
        dataset: its measured images are attacked.
        basis: any basis.
        images: number of measured images.
        width: number of directions per block, or a fraction of them.
        blocks: number of blocks.
        options: options of :func:`.deepfool`.

    Returns:
        A table with a row per block, and the margin of each image in each block.
    """
    part, pixels, _ = measured_images(network, dataset, images)
    vectors = columns(basis, pixels.device)
    chosen = sliding_blocks(vectors.shape[1], width, blocks)
    at_once, found = max(1, ELEMENTS // pixels.numel()), []
    for start in progress(range(0, len(chosen), at_once), "blocks"):
        found.append(confined_margins(network, pixels, vectors, chosen[start : start + at_once], **options))
    norms = np.concatenate(found)
    rows = [
        {"role": "measured", "first": first + 1, "last": beyond, **median_margin(line)}
        for (first, beyond), line in zip(chosen, norms, strict=True)
    ]
    arrays = {"blocks": np.array(chosen), "norms": norms, "indices": part.indices()}
    units = "blocks: first column and first beyond; norms (blocks, n): pixels in [0, 1], NaN where the attack failed"
    return Measured({"margins": pd.DataFrame(rows)}, arrays, {"role": "measured", "units": units})


def sliding_blocks(count: int, width: float, blocks: int) -> list[tuple[int, int]]:
    """Return ranges of equally many columns, evenly spaced from the first column to the last.

    Args:
        count: number of columns of the basis.
        width: number of columns of a block, at most ``count``; below 1 a fraction of ``count``.
        blocks: number of ranges, or fewer if there are not as many.

    Returns:
        The first column of each range and the first beyond it.
    """
    size = max(1, round(width * count)) if width < 1 else min(int(width), count)
    starts = np.unique(np.linspace(0, count - size, blocks).round().astype(int)).tolist()
    return [(start, start + size) for start in starts]


def confined_margins(
    network: Network, images: Tensor, basis: Tensor, blocks: Sequence[tuple[int, int]], **options: float
) -> np.ndarray:
    """Return the norms (blocks, n) of DeepFool confined to each block of columns, NaN where it fails.

    The norm is that of the perturbation without its overshoot: the distance to the linearised boundary, which is the
    margin within the span of the block. All images and blocks are one batch.

    Args:
        network: in evaluation mode.
        images: (n, channels, height, width), pixels in [0, 1].
        basis: (d, k) orthonormal columns.
        blocks: the first column of each block and the first beyond it.
        options: options of :func:`.deepfool`.
    """
    attack = deepfool(network, images, basis=basis, blocks=blocks, **options)
    norms = attack.perturbations.flatten(1).double().norm(dim=1)
    return norms.where(attack.converged, torch.nan).reshape(len(blocks), len(images)).cpu().numpy()


def median_margin(norms: np.ndarray) -> dict[str, float]:
    """Return the median of margins (n,) with a 95 % interval, and the success; a failed attack has no margin so small.

    Args:
        norms: of the attacks, NaN where they failed.
    """
    converged = np.isfinite(norms)
    reached = np.where(converged, norms, np.inf)
    row = dict(
        zip(("margin", "margin_ci_low", "margin_ci_high"), (np.median(reached), *median_interval(reached)), strict=True)
    )
    row = {name: value if np.isfinite(value) else np.nan for name, value in row.items()}
    row["success"] = converged.mean()
    row["success_ci_low"], row["success_ci_high"] = wilson_interval(int(converged.sum()), len(converged))
    return {**row, "fooled": int(converged.sum()), "images": len(converged)}
