"""The eigenpairs of one class, by the configured solver."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from friendlyfire.curvature.hessians import MeanHessian
from friendlyfire.curvature.quality import Quality, SampledQuality
from friendlyfire.curvature.samples import WatchedHessian, probes_of
from friendlyfire.curvature.spectra import Eigenpairs, decompose_dense, decompose_lanczos
from friendlyfire.records.progress import Progress


def decompose(
    operators: tuple[list[MeanHessian], list[MeanHessian]],
    section: Mapping[str, Any],
    seed: int,
    progress: Progress,
    removed: np.ndarray | None = None,
) -> Eigenpairs:
    """Decompose the mean Hessian of one target class.

    Args:
        operators: mean Hessians of the blocks of each half of the images.
        section: ``curvature``; solver, directions, tolerance, max_products, leading and probes are read.
        seed: seed of the random probes or the random start.
        progress: progress over the classes.
        removed: (d, k) orthonormal directions that the network does not see; None for none.
    """

    def halves(products: int) -> tuple[WatchedHessian, WatchedHessian]:
        return tuple(WatchedHessian(half, 2 * products, progress) for half in operators)

    if section["solver"] == "lanczos":
        most = section["max_products"]
        options = {"max_products": most, "removed": removed}
        return decompose_lanczos(halves(most), section["directions"], seed, section["tolerance"], **options)
    pixels = operators[0][0].pixels
    products = section["leading"] + pixels
    return decompose_dense(halves(products), probes_of(section, pixels, seed), section["leading"], removed)


def quality_kind(section: Mapping[str, Any]) -> type[Quality]:
    """Return the kind of the quality record that the configured solver gives."""
    return SampledQuality if section["solver"] == "lanczos" else Quality


def kept_vectors(values: np.ndarray, section: Mapping[str, Any]) -> np.ndarray:
    """Return the eigenvectors to store: all, or the most positive, most negative and flattest ``directions``."""
    if section["directions"] == "all" or section["solver"] == "lanczos":
        return np.arange(len(values))
    m = section["directions"]
    flattest = np.argsort(np.abs(values), kind="stable")[:m]
    return np.unique(np.r_[np.arange(m), np.arange(len(values) - m, len(values)), flattest])
