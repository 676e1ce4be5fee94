"""A data set -> a network trained on it, and its learning curve."""

from engine.job import Progress, run

import json
import logging
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.acceptance import check_logits
from friendlyfire.networks.network import build_network
from friendlyfire.networks.training import Epoch, train
from friendlyfire.networks.weights import contents_of, save_tensors
from friendlyfire.records.errors import DataError
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import write_table
from keep_network import keep_network

WAY_OUT = "train longer (networks.epochs), or change networks.learning_rate"


def main(inputs, outputs, settings):
    section, device = settings["networks"], resolve_device(settings["device"])
    torch.use_deterministic_algorithms(device.type == "cpu")
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        if "training" not in dataset.roles:
            raise DataError(f"{inputs.dataset} has no training images; bring a trained network by networks.weights")
        parts = {name: dataset.part(role) for name, role in (("train", "training"), ("test", "measured"))}
        splits = {
            name: tuple(torch.from_numpy(array).to(device) for array in (part.images(), part.labels()))
            for name, part in parts.items()
        }
    seed = derive_seed(settings["seed"], "networks", settings["experiment"])
    torch.manual_seed(seed)
    network = build_network(section, dataset.mean, dataset.deviation, len(dataset.class_names))
    network.to(device, memory_format=torch.channels_last)

    check_logits(network, splits["test"][0][:1].float() / 255, len(dataset.class_names), section["architecture"])
    identity = identity_of(settings["provenance"])
    checkpoint = Path(outputs.network).with_name("training.checkpoint")
    curve, resumed = read_checkpoint(checkpoint, identity)
    progress = Progress("epochs", section["epochs"], len(curve))
    for epoch, state in train(network, splits["train"], splits["test"], section, seed, resumed, len(curve)):
        curve.append(epoch)
        logging.info("%s", epoch)
        write_checkpoint(checkpoint, identity, curve, state)
        progress.reach(len(curve))

    images = len(splits["test"][0])
    write_table(outputs.curve, learning_curve(curve, settings["experiment"], len(splits["train"][0]), images), settings)
    correct = round(curve[-1].test_accuracy * images)
    keep_network(outputs, network, dataset, parts["test"], settings, correct, WAY_OUT)


def identity_of(provenance: dict) -> str:
    """What a training is the same training by: its settings, its code, the user's own included, and its images."""
    about_the_end = ("expected_accuracy", "accuracy_tolerance")
    settings = {k: v for k, v in provenance["settings"].items() if k.rpartition(".")[2] not in about_the_end}
    return json.dumps([settings, provenance["code"]], sort_keys=True)


def learning_curve(curve: list[Epoch], experiment: str, train_images: int, test_images: int) -> pd.DataFrame:
    """The learning curve as a table, with 95 % intervals of the test accuracies; training accuracy is in-sample."""
    table = pd.DataFrame([{"experiment": experiment, **asdict(epoch)} for epoch in curve])
    bounds = [wilson_interval(round(accuracy * test_images), test_images) for accuracy in table["test_accuracy"]]
    table["test_ci_low"], table["test_ci_high"] = zip(*bounds, strict=True)
    return table.assign(train_images=train_images, test_images=test_images)


def write_checkpoint(path: Path, identity: str, curve: list[Epoch], state: dict[str, torch.Tensor]) -> None:
    """Keep what a killed training needs to go on: the last epoch's weights and momentum, and the curve so far."""
    rows = json.dumps([asdict(epoch) for epoch in curve])
    save_tensors(path, state, {"identity": identity, "curve": rows, "contents": contents_of(state)})


def read_checkpoint(path: Path, identity: str) -> tuple[list[Epoch], dict[str, torch.Tensor] | None]:
    """What :func:`write_checkpoint` kept, if it is of the same settings, seed, code and data."""
    if not path.exists():
        return [], None
    try:
        with safe_open(path, "pt") as file:
            kept = file.metadata()
        if kept["identity"] == identity:
            curve, state = [Epoch(**row) for row in json.loads(kept["curve"])], load_file(path)
            if contents_of(state) == kept["contents"]:
                logging.info("going on after epoch %d", len(curve))
                return curve, state
            raise ValueError("its tensors are not those that were written")
        logging.info("%s is of other settings or code: training starts anew", path)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        logging.info("%s is damaged (%s): training starts anew", path, error)
    return [], None


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
