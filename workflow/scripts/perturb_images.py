"""A network and images -> adversarial perturbations of one share of these images, with the status of each attack."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from friendlyfire.datasets import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.errors import DataError
from friendlyfire.foolbox_attacks import foolbox_perturbations
from friendlyfire.gradients import fgsm, saliency
from friendlyfire.networks import Network, as_pixels, load_network, predict
from friendlyfire.perturbations import Attack, deepfool
from friendlyfire.seeds import derive_seed
from friendlyfire.settings import ATTACKED_TOGETHER
from friendlyfire.statuses import Status
from friendlyfire.stores import create_store, open_store
from job import progress, run, share
from records import made


def main(inputs, outputs, settings):
    section, device = settings["perturbations"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        # Where images are few, most of them are needed for the bases.
        held_out = min(section["held_out"], dataset.size(section["split"]) // 5)
        if held_out < 2:
            raise DataError(
                f"{settings['experiment']} has {dataset.size(section['split'])} {section['split']} images; to perturb "
                "some and hold others out, 10 are needed at least"
            )
        first, last = dataset.span(section["split"], section["images"] + held_out)
        record = {
            "experiment": settings["experiment"],
            "attack": settings["attack"].replace("-", ":"),
            "settings": section,
            **made(settings),
            "split": section["split"],
            "shape": dataset.shape,
            "held_out": held_out,
            "units": "perturbations, norms: pixels in [0, 1], without DeepFool's overshoot; saliency: logits / pixel",
            "statuses": {status.name.lower(): int(status) for status in Status},
        }
        together = min(dataset.rows, ATTACKED_TOGETHER)
        start, stop = share(last - first, together, int(settings["shard"]), section["shards"])
        first, last = first + start, first + stop
        perturbations = np.empty((last - first, dataset.pixels), dtype=np.float32)
        columns = {
            name: np.empty(last - first, dtype=np.int64) for name in ("sources", "reached", "statuses", "iterations")
        }
        for start in progress(range(first, last, together), "images"):
            stop = min(start + together, last)
            images = as_pixels(dataset.images(section["split"], start, stop), device)
            found = chosen_attack(settings, start)(network, images)
            rows = slice(start - first, stop - first)
            perturbations[rows] = found.perturbations.flatten(1).cpu().numpy()
            for name, column in columns.items():
                column[rows] = getattr(found, name).cpu().numpy()
        columns["labels"] = dataset.labels(section["split"], first, last)
        columns["indices"] = dataset.indices(section["split"], first, last)
    with create_store(outputs.perturbations, "perturbations", record) as target:
        target.array("perturbations", perturbations)
        target.array("norms", np.linalg.norm(perturbations.astype(np.float64), axis=1))
        for name, column in columns.items():
            target.array(name, column)


def judged(direction: Callable[..., Tensor]) -> Callable[..., Attack]:
    """An attack that gives perturbations alone, judged by whether the predicted class changes."""

    def attack(network, images: Tensor, **options) -> Attack:
        perturbations = direction(network, images, **options)
        sources, reached = (predict(network, part).argmax(1) for part in (images, images + perturbations))
        statuses = torch.where(sources != reached, Status.CONVERGED, Status.NOT_CONVERGED)
        statuses[perturbations.flatten(1).norm(dim=1) == 0] = Status.ZERO_GRADIENT
        statuses[~perturbations.flatten(1).isfinite().all(1)] = Status.NON_FINITE
        return Attack(perturbations, sources, reached, statuses, torch.ones_like(sources), 0.0)

    return attack


#: Attacks of image by image, by the name that is their section of `perturbations`.
ATTACKS = {"deepfool": deepfool, "fgsm": judged(fgsm), "saliency": judged(saliency)}


def chosen_attack(settings: dict, start: int) -> Callable[[Network, Tensor], Attack]:
    """The attack with its options, and with the seed of the images from ``start`` on."""
    options = settings["perturbations"][settings["attack"].replace("-", ".")]
    kind, _, name = settings["attack"].partition("-")
    if not name:
        return partial(ATTACKS[kind], **options)
    seed = derive_seed(settings["seed"], "perturbations", settings["experiment"], settings["attack"], start)
    return partial(judged(foolbox_perturbations), name=name, seed=seed, **options)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
