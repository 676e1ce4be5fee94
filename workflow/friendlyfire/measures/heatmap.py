"""The Fourier heat map of a network: its error on images with a wave of one frequency added.

Source: D. Yin, R. Gontijo Lopes, J. Shlens, E. D. Cubuk, J. Gilmer, "A Fourier perspective on model robustness in
computer vision", NeurIPS 2019.
"""

from collections.abc import Callable, Sequence

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

    Args:
        network: in evaluation mode.
        dataset: its measured images are classified.
        seed: a function that returns the seed of a draw from its names.
        images: number of measured images.
        amplitude: root mean square of a wave, in pixels in [0, 1].
        reach: largest frequency along either axis, in cycles per image.

    Returns:
        A table with a row per frequency, where (u, v) and (-u, -v) are one wave, and which images are misclassified.
    """
    part, pixels, _ = measured_images(network, dataset, images)
    _, height, width = dataset.shape
    labels, frequencies = torch.from_numpy(part.labels()).to(pixels.device), waves(height, width, reach)
    generator = np.random.default_rng(seed())
    clean, *wrong = misclassified(network, pixels, labels, [None, *frequencies], amplitude, generator)
    rows = []
    for (u, v), mistaken in zip(frequencies, wrong, strict=True):
        low, high = wilson_interval(int(mistaken.sum()), len(mistaken))
        row = {"role": "measured", "error": mistaken.mean(), "ci_low": low, "ci_high": high, "clean": clean.mean()}
        row["norm"] = amplitude * (height * width) ** 0.5
        # A frequency of half the number of pixels is its own mirror image.
        mirrored = (u if 2 * -u == height else -u), (v if 2 * -v == width else -v)
        rows += [{"u": a, "v": b, **row, "images": len(mistaken)} for a, b in dict.fromkeys([(u, v), mirrored])]
    table = pd.DataFrame(rows).sort_values(["u", "v"], ignore_index=True)
    arrays = {"frequencies": np.array(frequencies), "wrong": np.stack(wrong), "indices": part.indices()}
    units = "frequencies (k, 2): cycles per image down and across; wrong (k, n)"
    return Measured({"heatmap": table}, arrays, {"role": "measured", "units": units})


@full_float32()
@torch.no_grad()
def misclassified(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    frequencies: Sequence[tuple[int, int] | None],
    amplitude: float,
    generator: np.random.Generator,
) -> list[np.ndarray]:
    """Return for each frequency which images (n,) are misclassified with its wave added; None adds none.

    The wave of (u, v) is a cosine of u cycles down and v cycles across the image. Its sign is drawn for each image and
    channel. Perturbed images may leave [0, 1].

    Args:
        network: images to logits (n, classes).
        images: (n, channels, height, width), pixels in [0, 1].
        labels: (n,) on the device of the images.
        frequencies: in cycles per image.
        amplitude: root mean square of a wave, in pixels.
        generator: of the signs.

    Cost:
        A forward pass per image and frequency.
    """
    n, channels, height, width = images.shape
    length, found = amplitude * (height * width) ** 0.5, []
    for frequency in progress(frequencies, "frequencies"):
        moved = images
        if frequency is not None:
            signs = torch.from_numpy(generator.choice(np.float32([-1, 1]), (n, channels, 1, 1)))
            moved = images + length * signs.to(images) * wave(*frequency, height, width).to(images)
        found.append((classes_of(predict(network, moved)) != labels).cpu().numpy())
    return found


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
