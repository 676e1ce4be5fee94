"""Compute universal perturbations of a network, each from its own images."""

from engine.job import run

from functools import partial

from engine.notes import made
from friendlyfire.attacks.statuses import Status
from friendlyfire.attacks.universal import universal_perturbations
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import load_network
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store, open_store


def main(inputs, outputs, settings):
    section, experiment = settings["perturbations"], settings["experiment"]
    network = load_network(inputs.network, resolve_device(settings["device"]))
    seed = partial(derive_seed, settings["seed"], "perturbations", experiment, "uap")
    with open_store(inputs.dataset, "dataset") as store:
        arrays, about = universal_perturbations(network, Dataset(store), section["uap"], seed, section["deepfool"])
    record = {
        "experiment": experiment,
        "attack": "uap",
        "settings": section,
        **made(settings),
        "role": "directions",
        **about,
        "units": "perturbations, norms and radius: pixels in [0, 1]; rates: of fooled held-out images, pass by pass",
        "statuses": {status.name.lower(): int(status) for status in Status},
    }
    with create_store(outputs.perturbations, "perturbations", record) as target:
        for name, array in arrays.items():
            target.array(name, array)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
