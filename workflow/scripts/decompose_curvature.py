"""Decompose the mean Hessian of each target class at its boundary points."""

from engine.job import run

import logging
from dataclasses import asdict, fields

import numpy as np

from engine.notes import made
from friendlyfire.curvature.decomposition import decompose, kept_vectors, quality_kind
from friendlyfire.curvature.samples import mean_hessians, record_of
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import load_network
from friendlyfire.records.progress import Progress
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store, open_store


def main(inputs, outputs, settings):
    section, experiment = settings["curvature"], settings["experiment"]
    network = load_network(inputs.network, resolve_device(settings["device"]))
    removed = None if network.removed is None else network.removed.double().cpu().numpy()
    with open_store(inputs.boundary, "boundary", experiment) as boundary:
        units = "step: pixels in [0, 1]; values: logits / pixel^2, positive ones lead into the class"
        quality = [part.name for part in fields(quality_kind(section))]
        record = {**record_of(section, boundary), **made(settings), "units": units, "quality": quality}
        classes = boundary.record["classes"]
        progress = Progress("classes", len(classes))
        with create_store(outputs.curvature, "curvature", record) as target:
            for number, c in enumerate(classes, start=1):
                seed = derive_seed(settings["seed"], "curvature", experiment, section["solver"], c)
                pairs = decompose(mean_hessians(network, boundary, c, section), section, seed, progress, removed)
                logging.info("class %s: %s", boundary.record["class_names"][number - 1], asdict(pairs.quality))
                progress.reach(number)
                kept = kept_vectors(pairs.values, section)
                target.array(f"{c}/values", pairs.values)
                target.array(f"{c}/residuals", pairs.residuals)
                target.array(f"{c}/converged", pairs.converged)
                target.array(f"{c}/kept", kept)
                target.array(f"{c}/vectors", pairs.vectors[:, kept].astype(np.float32), axis=1)
                target.array(f"{c}/quality", np.array(list(asdict(pairs.quality).values()), dtype=np.float64))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
