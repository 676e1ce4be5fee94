"""The Fourier heat map of a network: its error on images with a wave of one frequency added.

Source: D. Yin, R. Gontijo Lopes, J. Shlens, E. D. Cubuk, J. Gilmer, "A Fourier perspective on model robustness in
computer vision", NeurIPS 2019, section 3.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import full_float32
from friendlyfire.measures.images import measured_images
from friendlyfire.measures.measured import Measured
from friendlyfire.networks.network import Network, classes_of, predict
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.progress import progress

MEASURES = {
    "heatmap": {
        "make": "heatmap",
        "per": None,
        "from": ["network", "dataset"],
        "with": {},
        "gives": {"heatmap": "heatmap.csv", "images": "heatmap.zarr.zip"},
        "store": "heatmap",
        "gigabytes": [6, 0],
        "hours": 4,
        "description": "Fourier heat map of the network: its error on images with a wave of each frequency added",
        "options": {
            "images": {
                "default": 200,
                "type": "integer",
                "minimum": 2,
                "description": "how many of the measured images are classified",
            },
            "amplitude": {
                "default": 0.125,
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": "root mean square of each wave; of 32 pixels, 0.125 is the norm 4 of the source",
            },
            "reach": {
                "default": 31,
                "type": "integer",
                "minimum": 1,
                "description": "largest frequency along either axis, in cycles per image; that of the source",
            },
        },
    },
}


@full_float32()
@torch.no_grad()
def heatmap(
    network: Network,
    dataset: Dataset,
    seed: Callable[..., int],
    *,
    images: int,
    amplitude: float,
    reach: int,
) -> Measured:
    """Measure a network's error on images to which a wave of one frequency is added, for each frequency.

    The wave of (u, v) is a cosine of u cycles down and v cycles across the image. Its sign is drawn for each image and
    channel. Perturbed images may leave [0, 1].

    Args:
        network: in evaluation mode.
        dataset: its measured images are classified.
        seed: a function that returns the seed of a draw from its names.
        images: number of measured images.
        amplitude: root mean square of a wave, in pixels in [0, 1].
        reach: largest frequency along either axis, in cycles per image.

    Returns:
        A table with a row per frequency, where (u, v) and (-u, -v) are one wave, and which images are misclassified.

    Cost:
        A forward pass per image for half of the frequencies.
    """
    part, pixels, _ = measured_images(network, dataset, images)
    device, (_, height, width) = pixels.device, dataset.shape
    labels, generator = torch.from_numpy(part.labels()).to(device), np.random.default_rng(seed())
    clean = float((classes_of(predict(network, pixels)) != labels).double().mean())
    frequencies, rows, wrong = waves(height, width, reach), [], []
    for u, v in progress(frequencies, "frequencies"):
        signs = torch.from_numpy(generator.choice(np.float32([-1, 1]), (len(pixels), dataset.shape[0], 1, 1)))
        moved = pixels + amplitude * (height * width) ** 0.5 * signs.to(device) * wave(u, v, height, width).to(pixels)
        wrong.append((classes_of(predict(network, moved)) != labels).cpu().numpy())
        low, high = wilson_interval(int(wrong[-1].sum()), len(pixels))
        row = {"role": "measured", "error": wrong[-1].mean(), "ci_low": low, "ci_high": high, "clean": clean}
        # A frequency of half the number of pixels is its own mirror image.
        mirrored = (u if 2 * -u == height else -u), (v if 2 * -v == width else -v)
        rows += [{"u": a, "v": b, **row, "images": len(pixels)} for a, b in dict.fromkeys([(u, v), mirrored])]
    table = pd.DataFrame(rows).sort_values(["u", "v"], ignore_index=True)
    arrays = {"frequencies": np.array(frequencies), "wrong": np.stack(wrong), "indices": part.indices()}
    units = "frequencies (k, 2): cycles per image down and across; wrong (k, n)"
    return Measured({"heatmap": table}, arrays, {"role": "measured", "units": units})


def waves(height: int, width: int, reach: int) -> list[tuple[int, int]]:
    """Return one of the frequencies (u, v) and (-u, -v) of each real wave, up to ``reach`` along either axis."""
    axes = [[f for f in range(-(side // 2), (side + 1) // 2) if abs(f) <= reach] for side in (height, width)]
    found = {}
    for u in axes[0]:
        for v in axes[1]:
            found.setdefault(max((u % height, v % width), (-u % height, -v % width)), (u, v))
    return list(found.values())


def wave(u: int, v: int, height: int, width: int) -> Tensor:
    """Return the cosine (height, width) of u cycles down and v across, of unit norm."""
    down, across = (torch.arange(side, dtype=torch.float64) / side for side in (height, width))
    found = torch.cos(2 * torch.pi * (u * down[:, None] + v * across[None]))
    return found / found.norm()
