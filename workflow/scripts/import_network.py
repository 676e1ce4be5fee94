"""Import a trained network, and check its accuracy."""

from engine.job import announce, run

import pandas as pd
import torch

from friendlyfire.datasets.class_names import columns_of, read_class_names
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.acceptance import accepted, check_logits, placed
from friendlyfire.networks.description import described
from friendlyfire.networks.headers import record_of
from friendlyfire.networks.network import build_network, record_of_network, save_network
from friendlyfire.networks.training import Epoch, count_correct
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import write_table

WAY_OUT = (
    "check the weights, networks.normalisation, and the order of the network's classes: the sorted names of the class "
    "folders, or networks.classes"
)

#: Number of measured images for the accuracy; it is enough to show whether the weights fit these classes.
IMAGES = 1000


def main(inputs, outputs, settings):
    # The submitting machine may have no GPU.
    section, device = settings["networks"], resolve_device("cpu")
    (weights,) = inputs.weights or ["published"]
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        part = dataset.part("measured", IMAGES)
        images, labels = (torch.from_numpy(array).to(device) for array in (part.images(), part.labels()))
        classes = dataset.class_names
        # Another experiment's network records the names of its logits.
        names = read_class_names(section["classes"]) or record_of(weights).get("names")
        columns = torch.tensor(columns_of(names, classes)) if names else None
        network = build_network(section, dataset.mean, dataset.deviation, len(names or classes), weights, columns)
        placed(network, device, dataset.mean.shape, section["architecture"])
        check_logits(network.all_logits, images[:1].float() / 255, len(names or classes), section["architecture"])
        correct, name = count_correct(network, images, labels), settings["experiment"]
        write_table(outputs.curve, pd.DataFrame(columns=["experiment", *Epoch.__dataclass_fields__]), settings)
        logits = len(names or classes)
        row = accepted(network, part, correct, len(classes), logits, section, name, WAY_OUT)
        announce(described(row))
        write_table(outputs.accuracy, pd.DataFrame([row]), settings)
        record = record_of_network(dataset, section, settings["seed"], row, names)
        save_network(outputs.network, network, record, images)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
