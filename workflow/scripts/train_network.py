"""Train a network on a data set, and record its learning curve."""

from engine.job import announce, run

import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from engine.provenance import identity_of
from friendlyfire.bases.basis import read_basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.acceptance import accepted, check_logits, placed
from friendlyfire.networks.checkpoints import read_checkpoint, write_checkpoint
from friendlyfire.networks.collapse import in_words
from friendlyfire.networks.description import described, withstood
from friendlyfire.networks.lessons import leading, lessons
from friendlyfire.networks.network import build_network, load_network, record_of_network, save_network
from friendlyfire.networks.robust import loss_of
from friendlyfire.networks.robustness import AttackTest
from friendlyfire.networks.training import learning_curve, train
from friendlyfire.records.errors import DataError
from friendlyfire.records.progress import Progress
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import write_table

WAY_OUT = "train longer (networks.epochs), or change networks.learning_rate"


def main(inputs, outputs, settings):
    section, device = settings["networks"], resolve_device(settings["device"])
    torch.use_deterministic_algorithms(device.type == "cpu")
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        if "training" not in dataset.roles:
            raise DataError(f"{inputs.dataset} has no training images; import a trained network by networks.weights")
        parts = {name: dataset.part(role) for name, role in (("train", "training"), ("test", "measured"))}
        splits = {
            name: tuple(torch.from_numpy(array).to(device) for array in (part.images(), part.labels()))
            for name, part in parts.items()
        }
    seed = derive_seed(settings["seed"], "networks", settings["experiment"])
    removed = None
    if train_on := section.get("train_on"):
        lesson = {"section": train_on, "dataset": dataset, "seed": derive_seed(seed, "lessons")}
        if teacher := getattr(inputs, "teacher", None):
            lesson["network"] = load_network(teacher, device)
        if basis := getattr(inputs, "vectors", None):
            lesson["vectors"] = leading(read_basis(basis, train_on["of"]).vectors, train_on, device)
        if train_on.get("everywhere"):
            removed = lesson["vectors"]
        else:
            splits["train"] = lessons(*splits["train"], **lesson)
    torch.manual_seed(seed)
    network = build_network(section, dataset.mean, dataset.deviation, len(dataset.class_names), removed=removed)
    placed(network, device, dataset.mean.shape, section["architecture"])

    check_logits(network, splits["test"][0][:1].float() / 255, len(dataset.class_names), section["architecture"])
    identity = identity_of(settings["provenance"])
    checkpoint = Path(outputs.network).with_name("training.checkpoint")
    curve, resumed = read_checkpoint(checkpoint, identity)
    progress = Progress("epochs", section["epochs"], len(curve))
    test = AttackTest(*splits["test"], section, derive_seed(seed, "attack")) if "robustness" in section else None
    training = train(network, splits["train"], splits["test"], section, seed, resumed, len(curve), loss_of(section))
    for epoch, state in training:
        epoch = replace(epoch, robust_accuracy=test.accuracy(network)) if test else epoch
        curve.append(epoch)
        logging.info("%s", epoch)
        write_checkpoint(checkpoint, identity, curve, state)
        progress.reach(len(curve))

    images, classes, name = len(splits["test"][0]), len(dataset.class_names), settings["experiment"]
    robust_images = len(test.images) if test else 0
    write_table(outputs.curve, learning_curve(curve, name, len(splits["train"][0]), images, robust_images), settings)
    correct = round(curve[-1].test_accuracy * images)
    row = accepted(network, parts["test"], correct, classes, classes, section, name, WAY_OUT)
    announce(described(row))
    if test:
        row |= test.row(network)
        announce(withstood(row))
        if fallen := in_words([epoch.robust_accuracy for epoch in curve]):
            announce(f"{name}: {fallen}")
    write_table(outputs.accuracy, pd.DataFrame([row]), settings)
    record = record_of_network(dataset, section, settings["seed"], row)
    save_network(outputs.network, network, record, splits["test"][0])


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
