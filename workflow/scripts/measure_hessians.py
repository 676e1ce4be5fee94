"""Boundary points of one shard of the images -> the dense mean Hessians of each block of them, class by class."""

from engine.job import run

import numpy as np

from engine.notes import made
from friendlyfire.curvature.samples import WatchedHessian, mean_hessians, probes_of, record_of
from friendlyfire.curvature.spectra import products_along
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import load_network
from friendlyfire.records.progress import Progress
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.sharing import DIFFERENTIATED_TOGETHER, share
from friendlyfire.records.stores import create_store, open_store


def main(inputs, outputs, settings):
    section, experiment = settings["curvature"], settings["experiment"]
    network = load_network(inputs.network, resolve_device(settings["device"]))
    with open_store(inputs.boundary, "boundary", experiment) as boundary:
        units = "step: pixels in [0, 1]; Hessians: logits / pixel^2"
        record = {**record_of(section, boundary), **made(settings), "units": units}
        blocks = -(-boundary.shape("indices")[0] // DIFFERENTIATED_TOGETHER)
        mine = range(*share(blocks, 1, int(settings["part"]), section["image_shards"]))
        with create_store(outputs.hessians, "hessians", record) as target:
            progress = Progress("classes", len(record["classes"]))
            for number, c in enumerate(record["classes"], start=1):
                halves = mean_hessians(network, boundary, c, section, mine)
                seed = derive_seed(settings["seed"], "curvature", experiment, section["solver"], c)
                probes, gradients = probes_of(section, record["pixels"], seed), 0
                count = sum(len(operators) for operators in halves)
                for half, operators in enumerate(halves):
                    target.array(f"{c}/{half}/points", np.array([operator.points for operator in operators]))
                    for block, operator in enumerate(operators):
                        watched = WatchedHessian([operator], count * record["pixels"], progress)
                        target.array(f"{c}/{half}/{block}", products_along(watched, probes), axis=1)
                        gradients += operator.num_gradients
                target.array(f"{c}/gradients", np.array(gradients))
                progress.reach(number)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
