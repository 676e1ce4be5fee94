"""The images and classes of the explorer, the same ones for every measure that it shows."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from friendlyfire.datasets.images import Dataset
from friendlyfire.networks.network import Network, as_pixels, mean_pixels


def explored_classes(directed: Sequence[int], limit: int) -> list[int]:
    """Return at most ``limit`` of the classes with directions, spread evenly over their order."""
    places = np.linspace(0, len(directed) - 1, min(limit, len(directed)))
    return [directed[place] for place in places.round().astype(int)]


def explored_positions(labels: np.ndarray, classes: Sequence[int], count: int) -> np.ndarray:
    """Return the positions (at most ``count``,) of images that cover the classes: the first of each, the second ...

    Args:
        labels: (n,) of the images to choose from.
        classes: only images of these classes are chosen.
        count: number of images, ordered by class in the result.
    """
    found = [(turn, c, p) for c in classes for turn, p in enumerate(np.flatnonzero(labels == c)[:count])]
    chosen = sorted((c, turn, p) for turn, c, p in sorted(found)[:count])
    return np.array([position for _, _, position in chosen], dtype=np.int64)


def explored_images(
    network: Network, dataset: Dataset, classes: Sequence[int], count: int
) -> tuple[Tensor, Tensor, dict[str, np.ndarray]]:
    """Load measured images that cover the classes to the device of a network.

    Args:
        network: any.
        dataset: theirs.
        classes: classes of the images.
        count: how many, at most.

    Returns:
        Their pixels (n, channels, height, width), the mean image, and their ``labels`` and ``indices`` (n,).
    """
    part, device = dataset.part("measured"), network.mean.device
    labels = part.labels()
    positions = explored_positions(labels, classes, count)
    images = np.concatenate([part.images(p, p + 1) for p in positions.tolist()])
    of_images = {"labels": labels[positions], "indices": part.indices()[positions]}
    return as_pixels(images, device), mean_pixels(dataset, device), of_images


def predicted(scores: np.ndarray | Tensor) -> np.ndarray:
    """Return the class (...) with the highest of the scores (..., classes); -1 if a score is not finite."""
    scores = torch.as_tensor(scores)
    return torch.where(scores.isfinite().all(-1), scores.argmax(-1), -1).cpu().numpy().astype(np.int16)
