"""Images -> their points on the boundary of a class, and the mean Hessians there, half of the images each."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from friendlyfire.bases import random_basis
from friendlyfire.datasets import Dataset
from friendlyfire.hessians import DifferenceHessian, ExactHessian, MeanHessian, PooledHessian, reference_step
from friendlyfire.networks import Network
from friendlyfire.perturbations import deepfool
from friendlyfire.seeds import derive_seed
from friendlyfire.settings import DIFFERENTIATED_TOGETHER
from friendlyfire.statuses import Status
from job import Progress
from records import made


@dataclass
class Boundary:
    """What became of n images, and the mean Hessians at those of their boundary points that were reached."""

    statuses: Tensor  #: (n,) of the targeted attacks
    sources: Tensor  #: (n,) classes that the images came from
    halves: tuple[list[MeanHessian], list[MeanHessian]]  #: images at even and at odd positions, block by block

    def counts(self) -> dict[str, int]:
        """Images of each status."""
        return {status.name.lower(): int((self.statuses == status).sum()) for status in Status}


def boundary_of(network: Network, images: Tensor, target: int, settings: dict) -> Boundary:
    """Bring the images to the boundary of the class ``target`` by DeepFool (algorithm 1)."""
    section = settings["curvature"]
    kind, options = ExactHessian, {}
    if section["hessian"] == "differences":
        kind, options = DifferenceHessian, {"step": step_of(section, images.shape[1:].numel())}
    statuses, sources, halves = [], [], ([], [])
    for block in images.split(DIFFERENTIATED_TOGETHER):
        targets = torch.full((len(block),), target, device=block.device)
        attack = deepfool(network, block, targets, **settings["perturbations"]["deepfool"])
        points = block + section["step_back"] * attack.perturbations
        for half, operators in enumerate(halves):
            reached = attack.converged & (torch.arange(len(block), device=block.device) % 2 == half)
            if reached.any():
                operators.append(kind(network, points[reached], target, attack.sources[reached], **options))
        statuses.append(attack.statuses)
        sources.append(attack.sources)
    return Boundary(torch.cat(statuses), torch.cat(sources), halves)


def record_of(settings: dict, dataset: Dataset) -> dict:
    """What the stores of a job tell of how its Hessians are measured."""
    section = settings["curvature"]
    return {
        "experiment": settings["experiment"],
        "settings": section,
        **made(settings),
        "split": section["split"],
        "step": step_of(section, dataset.pixels),
    }


def classes_of(settings: dict, dataset: Dataset) -> list[int]:
    """The target classes that are a job's share."""
    section = settings["curvature"]
    return dataset.chosen_classes(section["classes"])[int(settings["shard"]) :: section["shards"]]


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
