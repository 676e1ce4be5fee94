"""Accuracy of a network on images projected onto nested subspaces (section 4.2)."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.bases.basis import Basis
from friendlyfire.checks import check_images, check_mode, check_targets
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import full_float32
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.projections import columns, nested_projections
from friendlyfire.measures.ranks import rank_grid
from friendlyfire.networks.network import Network, as_pixels, classes_of, mean_pixels, predict
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.progress import progress

MEASURES = {
    "accuracy": {
        "make": "accuracy",
        "per": "basis",
        "from": ["network", "dataset", "basis"],
        "with": {"classes": "boundary.classes"},
        "gives": {"accuracy": "{basis}.csv", "images": "{basis}.zarr.zip"},
        "store": "accuracy",
        "gigabytes": [4, 2],
        "hours": 2,
        "description": "accuracy on images projected onto the bases",
        "options": {
            "training_images": {
                "default": 10000,
                "type": ["integer", "null"],
                "minimum": 1,
                "description": (
                    "how many of the training images are classified at each rank "
                    "(in-sample, as in the paper); null for all"
                ),
            },
            "measured_images": {
                "default": 10000,
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "how many of the measured images are classified at each rank; null for all",
            },
            "directions_per_class": {
                "default": 12,
                "description": (
                    "ranks of the curvature bases in directions per class: a list, or the number of "
                    "ranks; 0 and the full rank are included"
                ),
                "anyOf": [
                    {"type": "integer", "minimum": 1},
                    {"type": "array", "uniqueItems": True, "items": {"type": "integer", "minimum": 1}},
                ],
            },
            "ranks": {
                "default": 20,
                "description": "ranks of the other bases: a list, or their number; 0 and the full rank are included",
                "anyOf": [
                    {"type": "integer", "minimum": 1},
                    {"type": "array", "uniqueItems": True, "items": {"type": "integer", "minimum": 1}},
                ],
            },
        },
    },
}


def accuracy(
    network: Network,
    dataset: Dataset,
    basis: Basis,
    *,
    classes: list[int] | str,
    training_images: int | None,
    measured_images: int | None,
    directions_per_class: int | list[int],
    ranks: int | list[int],
) -> Measured:
    """Measure the accuracy on images projected onto the first columns of a basis, at each rank of a grid.

    Args:
        network: in evaluation mode.
        dataset: its training images (in-sample) and measured images are classified.
        basis: any basis.
        classes: "all", or the classes with directions.
        training_images: number of training images to classify; None for all.
        measured_images: number of measured images to classify; None for all.
        directions_per_class: see :func:`.rank_grid`.
        ranks: likewise.

    Returns:
        A table with a row per role and rank, and whether each image is classified correctly.
    """
    device = network.mean.device
    grid = rank_grid(basis, len(dataset.chosen_classes(classes)), directions_per_class, ranks)
    mean = mean_pixels(dataset, device)
    vectors, counts = columns(basis, device), {"training": training_images, "measured": measured_images}
    tables, arrays = [], {"ranks": grid["rank"].to_numpy()}
    for role in (role for role in counts if role in dataset.roles):
        part = dataset.part(role, counts[role])

        def batches(part=part, role=role):
            # Projected together; they pass through the network in smaller batches.
            for start in progress(range(0, len(part), dataset.rows), f"{role} images"):
                labels = torch.from_numpy(part.labels(start, start + dataset.rows)).to(device)
                yield as_pixels(part.images(start, start + dataset.rows), device), labels

        correct = correct_by_rank(lambda x: predict(network, x), batches(), mean, vectors, grid["rank"].tolist())
        whole = torch.cat([classes_of(predict(network, x)) == labels for x, labels in batches()]).cpu().numpy()
        arrays[f"{role}/whole"] = whole
        arrays[f"{role}/correct"] = np.packbits(correct, axis=1)
        arrays[f"{role}/indices"] = part.indices()
        rates = accuracies(correct.sum(1), len(part), role)
        tables.append(grid.assign(split=part.split, role=role, **rates, images=len(part), full_accuracy=whole.mean()))
    units = (
        "correct: a row a rank, a bit an image (numpy.packbits); whole: of the images as they are; "
        "indices: of the images in their split"
    )
    return Measured({"accuracy": pd.concat(tables)}, arrays, {"units": units})


def accuracies(correct: np.ndarray, images: int, role: str) -> dict[str, list[float]]:
    """Return the columns accuracy, ci_low and ci_high (95 %, Wilson).

    Accuracy on training images is in-sample: it does not estimate the accuracy on other images, so it has no interval.
    """
    bounds = [(np.nan, np.nan) if role == "training" else wilson_interval(int(count), images) for count in correct]
    low, high = zip(*bounds, strict=True)
    return {"accuracy": [count / images for count in correct], "ci_low": low, "ci_high": high}


@full_float32()
@torch.no_grad()
def correct_by_rank(
    network: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    mean: Tensor,
    basis: Tensor,
    ranks: Sequence[int],
) -> np.ndarray:
    """Return whether the network classifies each projected image correctly, at each rank.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits; in evaluation mode.
        batches: pairs of images and their labels (n,).
        mean: see :func:`nested_projections`.
        basis: likewise; in the precision and on the device of the images.
        ranks: likewise.

    Returns:
        (number of ranks, n) bool, the images in the order of the batches.

    Cost:
        One forward pass per image and rank, and one projection onto the largest subspace for all ranks together.

    Raises:
        ValueError: the network is in training mode, the pixels are far outside [0, 1], there is not one label for each
            image, or as :func:`.nested_projections`.
    """
    check_mode(network)
    found = []
    for images, labels in batches:
        check_images(images)
        check_targets(labels, len(images), name="labels")
        projections = nested_projections(images, mean, basis, ranks)
        found.append(torch.stack([classes_of(network(projected)) == labels for projected in projections]).cpu().numpy())
    return np.concatenate(found, axis=1)
