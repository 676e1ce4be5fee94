"""The eigenpairs of one class, by the solver that the configuration names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from friendlyfire.curvature.hessians import MeanHessian
from friendlyfire.curvature.samples import WatchedHessian, probes_of
from friendlyfire.curvature.spectra import Eigenpairs, decompose_dense, decompose_lanczos
from friendlyfire.records.progress import Progress
from friendlyfire.records.stores import Store


def decompose(
    operators: tuple[list[MeanHessian], list[MeanHessian]],
    target: int,
    section: Mapping[str, Any],
    seed: int,
    hessians: Sequence[Store],
    progress: Progress,
) -> Eigenpairs:
    """Decompose the mean Hessian of one target class.

    Args:
        operators: mean Hessians of the blocks of either half of the images.
        target: the class.
        section: ``curvature``: solver, directions, tolerance, max_products, leading and probes are read.
        seed: of what is random.
        hessians: stores of products that other jobs measured; none unless the images are sharded.
        progress: counts the classes.
    """

    def halves(products: int) -> tuple[WatchedHessian, WatchedHessian]:
        return tuple(WatchedHessian(half, 2 * products, progress) for half in operators)

    if section["solver"] == "lanczos":
        most = section["max_products"]
        return decompose_lanczos(halves(most), section["directions"], seed, section["tolerance"], max_products=most)
    pixels = operators[0][0].pixels
    measured, gradients = gathered(hessians, target)
    products = section["leading"] + (0 if measured else pixels)
    pairs = decompose_dense(halves(products), probes_of(section, pixels, seed), section["leading"], measured)
    pairs.quality.gradients += gradients
    return pairs


def gathered(hessians: Sequence[Store], target: int) -> tuple[list[np.ndarray], int]:
    """Products (d, d) of both halves with the probes, from the shards of the images, and the gradients they took.

    Added up block by block in the order of the images, as one job does it: to the same last digit.
    """
    sums, points, gradients = [0.0, 0.0], [0, 0], 0
    for store in hessians:
        for half in (0, 1):
            for block, count in enumerate(store[f"{target}/{half}/points"]):
                sums[half] += count * store[f"{target}/{half}/{block}"]
                points[half] += count
        gradients += int(store[f"{target}/gradients"])
    return [total / count for total, count in zip(sums, points, strict=True)] if hessians else [], gradients


def kept_vectors(values: np.ndarray, section: Mapping[str, Any]) -> np.ndarray:
    """Which eigenvectors are stored: all, or the most positive, most negative and flattest ``directions``."""
    if section["directions"] == "all" or section["solver"] == "lanczos":
        return np.arange(len(values))
    m = section["directions"]
    flattest = np.argsort(np.abs(values), kind="stable")[:m]
    return np.unique(np.r_[np.arange(m), np.arange(len(values) - m, len(values)), flattest])
