"""Compute adversarial perturbations of one shard of the images, with the status of each attack."""

from engine.job import run

from functools import partial

from engine.kinds import attack_kind
from engine.notes import made
from friendlyfire.attacks.judging import with_statuses
from friendlyfire.attacks.perturbations import perturb
from friendlyfire.attacks.statuses import Status
from friendlyfire.datasets.images import Dataset
from friendlyfire.declarations import function_at
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import load_network
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.sharing import ATTACKED_TOGETHER, blocks_of, share
from friendlyfire.records.stores import create_store, open_store


def main(inputs, outputs, settings):
    section, experiment, name = settings["perturbations"], settings["experiment"], settings["attack"]
    kind, options = attack_kind(settings["config"], experiment, name)
    attack = with_statuses(function_at(kind["make"]), kind["gives"], f"attacks.{name}: {kind['make']}")
    network = load_network(inputs.network, resolve_device(settings["device"]))
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        parts = {"directions": dataset.part("directions", section["images"]), "held-out": dataset.part("held-out")}
        counts = {role: len(part) for role, part in parts.items()}
        blocks = blocks_of(counts, min(dataset.rows, ATTACKED_TOGETHER))
        mine = slice(*share(len(blocks), 1, int(settings["shard"]), section["shards"]))
        seed = partial(derive_seed, settings["seed"], "perturbations", experiment, name)
        arrays = perturb(network, parts, blocks[mine], partial(attack, **options), seed)
    record = {
        "experiment": experiment,
        "attack": name.replace("-", ":"),
        "settings": section,
        **made(settings),
        "shape": dataset.shape,
        "units": "perturbations, norms: pixels in [0, 1], without DeepFool's overshoot; saliency: logits / pixel",
        "statuses": {status.name.lower(): int(status) for status in Status},
    }
    with create_store(outputs.perturbations, "perturbations", record) as target:
        for array_name, array in arrays.items():
            target.array(array_name, array)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
