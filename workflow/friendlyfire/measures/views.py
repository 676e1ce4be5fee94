"""Single images inside and outside the first columns of a basis, and the attack confined to them (4.2 and 4.3)."""

from typing import Any

import numpy as np

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.basis import Basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.confinement import norms_of
from friendlyfire.measures.explored import explored_classes, explored_images, predicted
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.projections import columns, nested_projections
from friendlyfire.measures.ranks import chosen_ranks
from friendlyfire.networks.network import Network, predict
from friendlyfire.records.progress import progress

MEASURES = {
    "views": {
        "make": "views",
        "per": "basis",
        "from": ["network", "dataset", "basis"],
        "with": {
            "options": "perturbations.deepfool",
            "directed": "boundary.classes",
            "images": "walks.images",
            "classes": "walks.classes",
        },
        "gives": {"views": "{basis}.zarr.zip"},
        "store": "views",
        "gigabytes": [6, 2],
        "hours": 1,
        "description": "the explorer's projections of single images onto the bases, and attacks confined to these",
        "options": {
            "ranks": {
                "default": 10,
                "description": (
                    "ranks of the subspaces: a list, or their number, with equal ratios; the full rank is always "
                    "included"
                ),
                "anyOf": [
                    {"type": "integer", "minimum": 2},
                    {"type": "array", "uniqueItems": True, "items": {"type": "integer", "minimum": 1}},
                ],
            },
        },
    },
}


def views(
    network: Network,
    dataset: Dataset,
    basis: Basis,
    *,
    directed: list[int] | str,
    images: int,
    classes: int,
    ranks: int | list[int],
    options: dict[str, Any],
) -> Measured:
    """Project images onto the first columns of a basis, and attack them inside these, at several ranks.

    Args:
        network: in evaluation mode.
        dataset: some of its measured images are projected, see :func:`.explored_images`.
        basis: any basis.
        directed: "all", or the classes with directions.
        images: number of images.
        classes: largest number of classes.
        ranks: see :func:`ranks_of_views`.
        options: options of :func:`.deepfool`.

    Returns:
        No table. Arrays, rank by rank: projections and what was projected away, the scores of all classes on both, and
        the perturbations of the attacks with their norms and outcomes.
    """
    chosen = explored_classes(dataset.chosen_classes(directed), classes)
    pixels, mean, of_images = explored_images(network, dataset, chosen, images)
    vectors = columns(basis, pixels.device)
    grid = ranks_of_views(ranks, *vectors.shape)
    found = {}
    nested = nested_projections(pixels, mean, vectors, grid)
    for rank, projected in zip(progress(grid, "ranks"), nested, strict=True):
        attack = deepfool(network, pixels, basis=vectors[:, :rank], **options)
        rest = mean + (pixels - projected)
        kept, left = predict(network, projected), predict(network, rest)
        for name, values in {
            "projections": projected,  # (ranks, n, channels, height, width)
            "rests": rest,
            "kept": kept,  # (ranks, n, classes)
            "left": left,
            "perturbations": attack.overshot,
            "reached": attack.reached,  # (ranks, n)
            "statuses": attack.statuses,
        }.items():
            found.setdefault(name, []).append(values.cpu().numpy())
        for name, values in {
            "kept_predicted": predicted(kept),
            "left_predicted": predicted(left),
            "norms": norms_of(attack.overshot),
        }.items():
            found.setdefault(name, []).append(values)
    arrays = {**of_images, "ranks": np.array(grid), **{name: np.stack(values) for name, values in found.items()}}
    units = "pixels in [0, 1]; perturbations with the overshoot; rests: the mean image is added"
    return Measured({}, arrays, {"role": "measured", "classes": dataset.class_names, "units": units})


def ranks_of_views(wanted: int | list[int], pixels: int, largest: int) -> list[int]:
    """Choose the ranks of a basis with ``largest`` columns: a list, or a number of them in equal ratios.

    Those in equal ratios begin at half the square root of the dimensions, so that they are the same for all bases.
    """
    if isinstance(wanted, int):
        wanted = np.geomspace(max(1, np.sqrt(pixels) / 2), pixels, wanted).round().astype(int).tolist()
    return chosen_ranks(wanted, largest)
