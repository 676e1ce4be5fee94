"""A network and images -> adversarial perturbations of one share of these images, with the status of each attack."""

from engine.job import progress, run, share

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from engine.notes import made
from engine.settings import ATTACKED_TOGETHER
from friendlyfire.attacks.deepfool import Attack, deepfool
from friendlyfire.attacks.foolbox import foolbox_perturbations
from friendlyfire.attacks.gradients import fgsm, saliency
from friendlyfire.attacks.statuses import Status
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import Network, as_pixels, load_network, predict
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store, open_store

#: What is kept of each image beside its perturbation.
COLUMNS = {
    **dict.fromkeys(("sources", "reached", "statuses", "iterations", "labels", "indices"), np.int64),
    "held_out": bool,
}


def main(inputs, outputs, settings):
    section, device = settings["perturbations"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        record = {
            "experiment": settings["experiment"],
            "attack": settings["attack"].replace("-", ":"),
            "settings": section,
            **made(settings),
            "shape": dataset.shape,
            "units": "perturbations, norms: pixels in [0, 1], without DeepFool's overshoot; saliency: logits / pixel",
            "statuses": {status.name.lower(): int(status) for status in Status},
        }
        together = min(dataset.rows, ATTACKED_TOGETHER)
        parts = {"directions": dataset.part("directions", section["images"]), "held-out": dataset.part("held-out")}
        blocks = [
            (role, start, min(start + together, len(part)))
            for role, part in parts.items()
            for start in range(0, len(part), together)
        ]
        first, last = share(len(blocks), 1, int(settings["shard"]), section["shards"])
        perturbations = [np.empty((0, dataset.pixels), dtype=np.float32)]
        columns = {name: [np.empty(0, dtype=dtype)] for name, dtype in COLUMNS.items()}
        for role, start, stop in progress(blocks[first:last], f"blocks of {together} images"):
            images = as_pixels(parts[role].images(start, stop), device)
            found = chosen_attack(settings, role, start)(network, images)
            perturbations.append(found.perturbations.flatten(1).cpu().numpy())
            for name in ("sources", "reached", "statuses", "iterations"):
                columns[name].append(getattr(found, name).cpu().numpy())
            columns["labels"].append(parts[role].labels(start, stop))
            columns["indices"].append(parts[role].indices(start, stop))
            columns["held_out"].append(np.full(stop - start, role == "held-out"))
    perturbations = np.concatenate(perturbations)
    with create_store(outputs.perturbations, "perturbations", record) as target:
        target.array("perturbations", perturbations)
        target.array("norms", np.linalg.norm(perturbations.astype(np.float64), axis=1))
        for name, column in columns.items():
            target.array(name, np.concatenate(column))


def judged(direction: Callable[..., Tensor], has_length: bool = True) -> Callable[..., Attack]:
    """An attack that gives perturbations alone, judged by whether the predicted class changes.

    Directions whose length has no meaning are not judged.
    """

    def attack(network, images: Tensor, **options) -> Attack:
        perturbations = direction(network, images, **options)
        sources = predict(network, images).argmax(1)
        if has_length:
            reached = predict(network, images + perturbations).argmax(1)
            statuses = torch.where(sources != reached, Status.CONVERGED, Status.NOT_CONVERGED)
        else:
            reached, statuses = sources, torch.full_like(sources, Status.NOT_JUDGED)
        statuses[perturbations.flatten(1).norm(dim=1) == 0] = Status.ZERO_GRADIENT
        statuses[~perturbations.flatten(1).isfinite().all(1)] = Status.NON_FINITE
        return Attack(perturbations, sources, reached, statuses, torch.ones_like(sources), 0.0)

    return attack


#: Attacks of image by image, by the name that is their section of `perturbations`.
ATTACKS = {"deepfool": deepfool, "fgsm": judged(fgsm), "saliency": judged(saliency, has_length=False)}


def chosen_attack(settings: dict, role: str, start: int) -> Callable[[Network, Tensor], Attack]:
    """The attack with its options, and with the seed of the images of ``role`` from ``start`` on."""
    options = settings["perturbations"][settings["attack"].replace("-", ".")]
    kind, _, name = settings["attack"].partition("-")
    if not name:
        return partial(ATTACKS[kind], **options)
    seed = derive_seed(settings["seed"], "perturbations", settings["experiment"], settings["attack"], role, start)
    return partial(judged(foolbox_perturbations), name=name, seed=seed, **options)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
