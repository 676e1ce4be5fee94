"""Mean Hessians at stored boundary points, block by block, for each half of the images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from friendlyfire.bases.random import random_basis
from friendlyfire.curvature.hessians import (
    DifferenceHessian,
    ExactHessian,
    MeanHessian,
    OneSidedHessian,
    PooledHessian,
    reference_step,
    smooth_step,
)
from friendlyfire.networks.network import Network
from friendlyfire.records.progress import Progress
from friendlyfire.records.sharing import DIFFERENTIATED_TOGETHER
from friendlyfire.records.stores import Store

#: Operators by the key ``hessian``.
KINDS = {"differences": DifferenceHessian, "one-sided": OneSidedHessian, "exact": ExactHessian}

#: Array of the boundary store with the class whose margin with the target is differentiated.
SOURCES = {"clean": "sources", "rival": "rivals"}


def mean_hessians(
    network: Network,
    boundary: Store,
    target: int,
    section: Mapping[str, Any],
) -> tuple[list[MeanHessian], list[MeanHessian]]:
    """Return the mean Hessians of the margin of ``target`` at its boundary points, for even and for odd positions.

    Args:
        network: in evaluation mode.
        boundary: store of the boundary points.
        target: target class.
        section: ``curvature``; hessian, step and source are read.
    """
    kind, device = KINDS[section["hessian"]], network.mean.device
    options = {} if section["hessian"] == "exact" else {"step": step_of(section, boundary.record["pixels"])}
    positions = boundary[f"{target}/positions"]
    sources = torch.from_numpy(boundary[f"{target}/{SOURCES[section['source']]}"]).to(device)
    of_block = positions // DIFFERENTIATED_TOGETHER
    halves = ([], [])
    for block in range(of_block.max() + 1):
        for half, operators in enumerate(halves):
            rows = np.flatnonzero((of_block == block) & (positions % 2 == half))
            if len(rows):
                points = torch.from_numpy(boundary.rows(f"{target}/points", rows)).to(device)
                operators.append(kind(network, points, target, sources[torch.from_numpy(rows).to(device)], **options))
    return halves


def record_of(section: Mapping[str, Any], boundary: Store) -> dict[str, Any]:
    """Return the record of how the Hessians are measured, for stores of results made from them."""
    record = {key: boundary.record[key] for key in ("experiment", "classes", "class_names", "pixels")}
    return {**record, "settings": dict(section), "step": step_of(section, boundary.record["pixels"])}


def step_of(section: Mapping[str, Any], pixels: int) -> float:
    """Return h, in pixels in [0, 1]."""
    if section["step"] != "reference":
        return section["step"]
    return smooth_step(pixels) if section["hessian"] == "one-sided" else reference_step(pixels)


def probes_of(section: Mapping[str, Any], pixels: int, seed: int) -> np.ndarray | None:
    """Return the orthonormal basis (d, d) along which the dense Hessian is measured; None for the pixels."""
    return None if section["probes"] == "pixels" else random_basis(pixels, pixels, seed)


class WatchedHessian(PooledHessian):
    """Mean over the points of several Hessians; ``products`` products count as one item of a job's progress."""

    def __init__(self, parts: list[MeanHessian], products: int, progress: Progress):
        super().__init__(*parts)
        self.products = products
        self.progress = progress

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        product = super().__matmul__(probes)
        self.progress.reach(self.progress.done + probes.shape[1] / self.products)
        return product
