"""A network and images -> adversarial perturbations of one share of these images, with the status of each attack."""

from engine.job import progress, run

import inspect
from collections.abc import Callable
from functools import partial

import numpy as np
from torch import Tensor

from engine.kinds import attack_kind
from engine.notes import made
from friendlyfire.attacks.deepfool import Attack
from friendlyfire.attacks.judging import judged, perturbations_of
from friendlyfire.attacks.statuses import Status
from friendlyfire.datasets.images import Dataset
from friendlyfire.declarations import function_at
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import Network, as_pixels, load_network
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.sharing import ATTACKED_TOGETHER, share
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
            found = attack_of(settings, role, start)(network, images)
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


def attack_of(settings: dict, role: str, start: int) -> Callable[[Network, Tensor], Attack]:
    """The attack with its options, and with the seed of the images of ``role`` from ``start`` on."""
    name = settings["attack"]
    kind, options = attack_kind(settings["config"], settings["experiment"], name)
    seed = derive_seed(settings["seed"], "perturbations", settings["experiment"], name, role, start)
    function = function_at(kind["make"])
    match kind["gives"]:
        case "attack":
            return partial(function, **options)
        case "directions":
            return partial(judged(function, has_length=False), **options)
        case "perturbations":
            seeded = {"seed": seed} if "seed" in inspect.signature(function).parameters else {}
            return partial(judged(function), **options, **seeded)
        case "inputs":
            return partial(judged(perturbations_of(function, f"attacks.{name}: {kind['make']}")), **options, seed=seed)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
