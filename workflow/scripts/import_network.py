"""Weights from elsewhere -> a network of this project, seen to classify."""

import logging

import numpy as np
import torch

from friendlyfire.datasets import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks import (
    build_network,
    check_above_chance,
    check_logits,
    load_weights,
    read_weights,
    save_network,
)
from friendlyfire.stores import open_store
from friendlyfire.training import count_correct
from job import run

WAY_OUT = "check the weights, networks.normalisation, and that its classes are the sorted names of the class folders"

#: Measured images that show whether the weights belong to these classes; more would only cost time.
IMAGES = 1000


def main(inputs, outputs, settings):
    section, device = settings["networks"], resolve_device(settings["device"])
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        part = dataset.part("measured", IMAGES)
        images, labels = part.images(), part.labels()
    classes = len(dataset.class_names)
    network = build_network(
        section, dataset.mean, dataset.deviation, classes, pretrained=section["weights"] == "published"
    )
    for weights in inputs.weights:
        load_weights(network.body, read_weights(weights), weights)
    network.to(device, memory_format=torch.channels_last)
    pixels, truth = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    check_logits(network, pixels[:1].float() / 255, classes, section["architecture"])
    correct = count_correct(network, pixels, truth)
    logging.info("accuracy on %d test images: %.4f", len(truth), correct / len(truth))
    majority = float(np.bincount(labels).max() / len(labels))
    check_above_chance(correct, len(truth), majority, f"the network of {settings['experiment']}", WAY_OUT)
    record = {
        "experiment": settings["experiment"],
        "settings": section,
        "seed": settings["seed"],
        "shape": dataset.shape,
        "classes": classes,
        "test_accuracy": correct / len(truth),
        "units": "images: pixels in [0, 1]",
    }
    save_network(outputs.network, network, record)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
