"""Boundary points of one share of the images -> the dense mean Hessians of each block of them, class by class."""

from engine.job import Progress, run

import numpy as np

from friendlyfire.curvature.spectra import products_along
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import load_network
from friendlyfire.records.sharing import DIFFERENTIATED_TOGETHER, share
from friendlyfire.records.stores import create_store, open_store
from mean_hessians import WatchedHessian, mean_hessians, probes_of, record_of


def main(inputs, outputs, settings):
    section, device = settings["curvature"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.boundary, "boundary", settings["experiment"]) as boundary:
        record = {
            **record_of(settings, boundary),
            "units": "step: pixels in [0, 1]; Hessians: logits / pixel^2",
        }
        blocks = -(-boundary.shape("indices")[0] // DIFFERENTIATED_TOGETHER)
        mine = range(*share(blocks, 1, int(settings["part"]), section["image_shards"]))
        with create_store(outputs.hessians, "hessians", record) as target:
            progress = Progress("classes", len(record["classes"]))
            for number, c in enumerate(record["classes"], start=1):
                halves = mean_hessians(network, boundary, c, settings, device, mine)
                probes, gradients = probes_of(c, record["pixels"], settings), 0
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
