"""A network and images -> universal perturbations, each from its own share of the images."""

from engine.job import progress, run

import logging

import numpy as np
import torch

from engine.notes import made
from friendlyfire.attacks.statuses import Status
from friendlyfire.attacks.universal import universal
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import as_pixels, load_network
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store, open_store


def main(inputs, outputs, settings):
    perturbations, device = settings["perturbations"], resolve_device(settings["device"])
    section = perturbations["uap"]
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        count = section["count"]
        part = dataset.part("directions", count * section["images"])
        shares = [np.arange(k, len(part), count) for k in range(count)]
        images, indices = as_pixels(part.images(), device), part.indices()
        held_out = as_pixels(dataset.part("held-out").images(), device)
        mean = torch.from_numpy(dataset.mean).float().to(device)
    # A fraction of what the images are away from their mean means the same on every data set.
    unit = float((images - mean).flatten(1).norm(dim=1).mean()) if section["norm"] == "l2" else 1.0
    radius = section["radius"] * unit
    record = {
        "experiment": settings["experiment"],
        "attack": "uap",
        "settings": perturbations,
        **made(settings),
        "role": "directions",
        "radius": radius,
        "held_out": len(held_out),
        "units": "perturbations, norms and radius: pixels in [0, 1]; rates: of fooled held-out images, pass by pass",
        "statuses": {status.name.lower(): int(status) for status in Status},
    }
    found = []
    for k, share in enumerate(progress(shares, "universal perturbations")):
        seed = derive_seed(settings["seed"], "perturbations", settings["experiment"], "uap", k)
        found.append(
            universal(
                network,
                images[torch.from_numpy(share).to(device)],
                held_out,
                radius=radius,
                norm=section["norm"],
                rate=section["rate"],
                max_passes=section["max_passes"],
                generator=torch.Generator().manual_seed(seed),
                **perturbations["deepfool"],
            )
        )
        logging.info("held-out fooling rate after each pass: %s", found[-1].rates)
    stacked = np.stack([one.perturbation.flatten().cpu().numpy() for one in found])
    rates = np.full((count, section["max_passes"]), np.nan)
    for row, one in zip(rates, found, strict=True):
        row[: len(one.rates)] = one.rates
    with create_store(outputs.perturbations, "perturbations", record) as target:
        target.array("perturbations", stacked)
        target.array("norms", np.linalg.norm(stacked.astype(np.float64), axis=1))
        target.array("rates", rates)
        target.array("indices", indices)
        target.array("statuses", np.full(count, int(Status.NOT_JUDGED)))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
