"""Boundary points of a network -> eigenpairs of its mean Hessian there, target class by target class."""

import logging
from dataclasses import asdict

import numpy as np
import torch

from friendlyfire.bases import random_basis
from friendlyfire.curvature import Eigenpairs, decompose_dense, decompose_lanczos
from friendlyfire.datasets import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.errors import CurvatureError
from friendlyfire.hessians import DifferenceHessian, ExactHessian, reference_step
from friendlyfire.networks import as_pixels, load_network
from friendlyfire.perturbations import Attack, Status, deepfool
from friendlyfire.seeds import derive_seed
from friendlyfire.stores import create_store, open_store
from job import progress, run


def main(inputs, outputs, settings):
    section, device = settings["curvature"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        span = dataset.span(section["split"], section["images"])
        images, indices = (
            as_pixels(dataset.images(section["split"], *span), device),
            dataset.indices(section["split"], *span),
        )
    step = reference_step(dataset.pixels) if section["step"] == "reference" else section["step"]
    shard = int(settings["shard"])
    classes = dataset.chosen_classes(section["classes"])[shard :: section["shards"]]
    record = {
        "experiment": settings["experiment"],
        "settings": section,
        "seed": settings["seed"],
        "split": section["split"],
        "step": step,
        "classes": classes,
        "class_names": [dataset.class_names[c] for c in classes],
        "pixels": dataset.pixels,
        "statuses": {status.name.lower(): int(status) for status in Status},
        "units": "step: pixels in [0, 1]; values: logits / pixel^2, positive ones lead into the class",
    }
    with create_store(outputs.curvature, "curvature", record) as target:
        target.array("indices", indices)
        for c in progress(classes, "classes"):
            attack = deepfool(
                network, images, torch.full((len(images),), c, device=device), **settings["perturbations"]["deepfool"]
            )
            pairs = decompose(network, images, attack, c, step, dataset, settings)
            logging.info("class %s: %s", dataset.class_names[c], asdict(pairs.quality))
            kept = kept_vectors(pairs.values, section)
            target.array(f"{c}/values", pairs.values)
            target.array(f"{c}/residuals", pairs.residuals)
            target.array(f"{c}/converged", pairs.converged)
            target.array(f"{c}/kept", kept)
            target.array(f"{c}/vectors", pairs.vectors[:, kept].astype(np.float32), axis=1)
            target.array(f"{c}/statuses", attack.statuses.cpu().numpy())
            target.array(f"{c}/sources", attack.sources.cpu().numpy())
            target.array(f"{c}/quality", np.array(list(asdict(pairs.quality).values()), dtype=np.float64))


def decompose(
    network, images: torch.Tensor, attack: Attack, target: int, step: float, dataset: Dataset, settings: dict
) -> Eigenpairs:
    """Eigenpairs of the mean Hessian of one target class, over the attacks that reached its boundary."""
    section, reached = settings["curvature"], attack.converged
    if reached.sum() < 2:
        counts = {status.name.lower(): int((attack.statuses == status).sum()) for status in Status}
        raise CurvatureError(
            f"class {dataset.class_names[target]!r} of {settings['experiment']} has {int(reached.sum())} "
            f"boundary points of {len(images)} images, and 2 are needed ({counts}); raise curvature.images or "
            "perturbations.deepfool.max_iterations"
        )
    points = (images + section["step_back"] * attack.perturbations)[reached]
    sources = attack.sources[reached]
    kind, options = (DifferenceHessian, {"step": step}) if section["hessian"] == "differences" else (ExactHessian, {})
    halves = tuple(kind(network, points[half::2], target, sources[half::2], **options) for half in (0, 1))
    seed = derive_seed(settings["seed"], "curvature", settings["experiment"], section["solver"], target)
    if section["solver"] == "lanczos":
        return decompose_lanczos(
            halves, section["directions"], seed, section["tolerance"], max_products=section["max_products"]
        )
    probes = random_basis(dataset.pixels, dataset.pixels, seed) if section["probes"] == "random" else None
    return decompose_dense(halves, probes, section["leading"])


def kept_vectors(values: np.ndarray, section: dict) -> np.ndarray:
    """Which eigenvectors are stored: all, or the most positive, most negative and flattest ``directions``."""
    if section["directions"] == "all" or section["solver"] == "lanczos":
        return np.arange(len(values))
    m = section["directions"]
    flattest = np.argsort(np.abs(values), kind="stable")[:m]
    return np.unique(np.r_[np.arange(m), np.arange(len(values) - m, len(values)), flattest])


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
