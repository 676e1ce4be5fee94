"""A network and images -> adversarial perturbations of these images, with the status of each attack."""

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from friendlyfire.datasets import Dataset
from friendlyfire.deepfool import Attack, Status, deepfool
from friendlyfire.devices import resolve_device
from friendlyfire.errors import NetworkError
from friendlyfire.fgsm import fgsm, saliency
from friendlyfire.networks import as_pixels, load_network, predict
from friendlyfire.stores import create_store, open_store
from job import progress, run

#: Images that are attacked between two lines of the log.
ROWS = 512


def main(inputs, outputs, settings):
    section, device, attack = settings["perturbations"], resolve_device(settings["device"]), settings["attack"]
    network = load_network(inputs.network, device)
    record = {
        "experiment": settings["experiment"],
        "attack": attack,
        "settings": section,
        "seed": settings["seed"],
        "split": section["split"],
        "units": "perturbations and norms: pixels in [0, 1], without DeepFool's overshoot; saliency: logits / pixel",
        "statuses": {status.name.lower(): int(status) for status in Status},
    }
    with (
        open_store(inputs.dataset, "dataset") as store,
        create_store(outputs.perturbations, "perturbations", record) as target,
    ):
        dataset = Dataset(store)
        n = dataset.count(section["split"], section["images"])
        perturbations = np.empty((n, dataset.pixels), dtype=np.float32)
        columns = {name: np.empty(n, dtype=np.int64) for name in ("sources", "reached", "statuses", "iterations")}
        for start in progress(range(0, n, ROWS), f"parts of {ROWS} images"):
            rows = slice(start, min(start + ROWS, n))
            images = as_pixels(dataset.images(section["split"], rows.start, rows.stop), device)
            found = ATTACKS[attack](network, images, **section[attack])
            perturbations[rows] = found.perturbations.flatten(1).cpu().numpy()
            for name, column in columns.items():
                column[rows] = getattr(found, name).cpu().numpy()
        target.array("perturbations", perturbations)
        target.array("norms", np.linalg.norm(perturbations.astype(np.float64), axis=1))
        target.array("labels", dataset.labels(section["split"], 0, n))
        target.array("indices", dataset.indices(section["split"], 0, n))
        for name, column in columns.items():
            target.array(name, column)
    told(columns["statuses"], perturbations, settings["experiment"])


def one_step(direction: Callable[..., Tensor]) -> Callable[..., Attack]:
    """An attack of a single step, judged by whether the predicted class changes."""

    def attack(network, images: Tensor, **options) -> Attack:
        perturbations = direction(network, images, **options)
        sources, reached = (predict(network, part).argmax(1) for part in (images, images + perturbations))
        statuses = torch.where(sources != reached, Status.CONVERGED, Status.NOT_CONVERGED)
        statuses[perturbations.flatten(1).norm(dim=1) == 0] = Status.ZERO_GRADIENT
        statuses[~perturbations.flatten(1).isfinite().all(1)] = Status.NON_FINITE
        return Attack(perturbations, sources, reached, statuses, torch.ones_like(sources), 0.0)

    return attack


#: Attacks of image by image, by the name that is their section of `perturbations`.
ATTACKS = {"deepfool": deepfool, "fgsm": one_step(fgsm), "saliency": one_step(saliency)}


def told(statuses: np.ndarray, perturbations: np.ndarray, experiment: str) -> None:
    """Log how the attacks ended.

    Raises:
        NetworkError: none succeeded.
    """
    counts = {status.name.lower(): int((statuses == status).sum()) for status in Status}
    if not counts["converged"]:
        raise NetworkError(f"no image of {experiment} could be fooled: {counts}; is the network's output constant?")
    norms = np.linalg.norm(perturbations[statuses == Status.CONVERGED], axis=1)
    logging.info("%s; mean norm %.4g, median %.4g", counts, norms.mean(), np.median(norms))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
