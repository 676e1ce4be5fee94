"""A network and one share of the images -> the dense mean Hessians of each block of them, class by class."""

import logging

import numpy as np

from boundary import WatchedHessian, boundary_of, classes_of, probes_of, record_of
from friendlyfire.curvature import products_along
from friendlyfire.datasets import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks import as_pixels, load_network
from friendlyfire.settings import DIFFERENTIATED_TOGETHER
from friendlyfire.stores import create_store, open_store
from job import Progress, run, share


def main(inputs, outputs, settings):
    section, device = settings["curvature"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        first, last = dataset.span(section["split"], section["images"])
        start, stop = share(last - first, DIFFERENTIATED_TOGETHER, int(settings["part"]), section["image_shards"])
        images = as_pixels(dataset.images(section["split"], first + start, first + stop), device)
        indices = dataset.indices(section["split"], first + start, first + stop)
        classes = classes_of(settings, dataset)
    record = {**record_of(settings, dataset), "units": "step: pixels in [0, 1]; Hessians: logits / pixel^2"}
    with create_store(outputs.hessians, "hessians", record) as target:
        target.array("indices", indices)
        progress = Progress("classes", len(classes))
        for number, c in enumerate(classes, start=1):
            boundary = boundary_of(network, images, c, settings)
            logging.info("class %s: %s", dataset.class_names[c], boundary.counts())
            probes, gradients = probes_of(c, dataset.pixels, settings), 0
            count = sum(len(operators) for operators in boundary.halves)
            for half, operators in enumerate(boundary.halves):
                target.array(f"{c}/{half}/points", np.array([operator.points for operator in operators]))
                for block, operator in enumerate(operators):
                    watched = WatchedHessian([operator], count * dataset.pixels, progress)
                    target.array(f"{c}/{half}/{block}", products_along(watched, probes), axis=1)
                    gradients += operator.num_gradients
            target.array(f"{c}/gradients", np.array(gradients))
            progress.reach(number)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
