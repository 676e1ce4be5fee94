"""Boundary points of a class -> the mean Hessians there, block by block, of either half of the images."""

from engine.job import Progress

import numpy as np
import torch

from engine.notes import made
from friendlyfire.bases.random import random_basis
from friendlyfire.curvature.hessians import DifferenceHessian, ExactHessian, MeanHessian, PooledHessian, reference_step
from friendlyfire.networks.network import Network
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.sharing import DIFFERENTIATED_TOGETHER
from friendlyfire.records.stores import Store

#: Array of the boundary's store that names the class whose margin with the target is differentiated.
SOURCES = {"clean": "sources", "rival": "rivals"}


def mean_hessians(
    network: Network, store: Store, target: int, settings: dict, device: torch.device, blocks: range | None = None
) -> tuple[list[MeanHessian], list[MeanHessian]]:
    """Mean Hessians of the margin of ``target`` at its boundary points, of images at even and at odd positions.

    Args:
        network: in evaluation mode.
        store: of the boundary.
        target: the class.
        settings: of the job; ``curvature`` says how Hessians are measured.
        device: where the network is.
        blocks: of ``DIFFERENTIATED_TOGETHER`` images each, those to be read; all unless given.
    """
    section = settings["curvature"]
    kind, options = ExactHessian, {}
    if section["hessian"] == "differences":
        kind, options = DifferenceHessian, {"step": step_of(section, store.record["pixels"])}
    positions = store[f"{target}/positions"]
    sources = torch.from_numpy(store[f"{target}/{SOURCES[section['source']]}"]).to(device)
    of_block = positions // DIFFERENTIATED_TOGETHER
    halves = ([], [])
    for block in range(of_block.max() + 1) if blocks is None else blocks:
        for half, operators in enumerate(halves):
            rows = np.flatnonzero((of_block == block) & (positions % 2 == half))
            if len(rows):
                points = torch.from_numpy(store.rows(f"{target}/points", rows)).to(device)
                operators.append(kind(network, points, target, sources[torch.from_numpy(rows).to(device)], **options))
    return halves


def record_of(settings: dict, store: Store) -> dict:
    """What the stores of a job tell of how its Hessians are measured."""
    section = settings["curvature"]
    return {
        "experiment": settings["experiment"],
        "settings": section,
        **made(settings),
        "classes": store.record["classes"],
        "class_names": store.record["class_names"],
        "pixels": store.record["pixels"],
        "step": step_of(section, store.record["pixels"]),
    }


def step_of(section: dict, pixels: int) -> float:
    """h, in pixels in [0, 1]."""
    return reference_step(pixels) if section["step"] == "reference" else section["step"]


def seed_of(target: int, settings: dict) -> int:
    """Seed of what is random in the decomposition of one class."""
    return derive_seed(settings["seed"], "curvature", settings["experiment"], settings["curvature"]["solver"], target)


def probes_of(target: int, pixels: int, settings: dict) -> np.ndarray | None:
    """The orthonormal basis (d, d) that the dense Hessian of a class is measured along; None for the pixels."""
    if settings["curvature"]["probes"] == "pixels":
        return None
    return random_basis(pixels, pixels, seed_of(target, settings))


class WatchedHessian(PooledHessian):
    """The mean over the points of several Hessians, whose ``products`` are one item of a job's progress."""

    def __init__(self, parts: list[MeanHessian], products: int, progress: Progress):
        super().__init__(*parts)
        self.products, self.progress = products, progress

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        product = super().__matmul__(probes)
        self.progress.reach(self.progress.done + probes.shape[1] / self.products)
        return product
