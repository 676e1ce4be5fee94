"""An interrupted training resumes unless its code has changed; a network is stored with its accuracy."""

import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import train_network
from conftest import TRAINING
from engine import job
from friendlyfire.datasets.images import Dataset, digits_splits
from friendlyfire.datasets.roles import draw_roles
from friendlyfire.figures.captions import filled
from friendlyfire.networks.network import as_pixels, load_network, predict
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.stores import create_store, open_store

SECTION = {
    **TRAINING,
    "epochs": 3,
    "weights": None,
    "expected_accuracy": None,
    "accuracy_tolerance": 0.02,
    "at_chance": "refuse",
}


@pytest.fixture
def paths(tmp_path):
    """Inputs and outputs of a training on digits."""
    splits = digits_splits(seed=0)
    pixels = splits["train"].images / 255
    roles = draw_roles({"dataset": "digits"}, {name: len(split.labels) for name, split in splits.items()})
    record = {"class_names": splits["test"].class_names, "roles": roles}
    with create_store(tmp_path / "digits.zarr.zip", "dataset", record) as store:
        for name, split in splits.items():
            store.array(f"{name}/images", split.images)
            store.array(f"{name}/labels", split.labels)
        store.array("mean", pixels.mean(0))
        store.array("deviation", (pixels - pixels.mean(0)).std())
    outputs = {name: str(tmp_path / name) for name in ("network.safetensors", "network.csv", "training.csv")}
    return SimpleNamespace(dataset=str(tmp_path / "digits.zarr.zip")), SimpleNamespace(
        **dict(zip(("network", "accuracy", "curve"), outputs.values(), strict=True))
    )


def settings(code="one", **options):
    section = {**SECTION, **options}
    return {
        **{"networks": section, "device": "cpu", "seed": 0, "experiment": "mine"},
        "provenance": {"settings": {f"mine.networks.{k}": v for k, v in section.items()}, "code": code, "digest": "d"},
    }


@pytest.fixture
def interrupted(paths, monkeypatch):
    """Interrupt a training after its first epoch; later trainings run normally."""

    def interrupt(self, done):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train_network.Progress, "reach", interrupt)
        train_network.main(*paths, settings())
    return paths


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (settings(), "resuming after epoch 1"),
        (settings(expected_accuracy=0.9, accuracy_tolerance=0.2), "resuming after epoch 1"),
        (settings("another"), "belongs to other settings or code: training starts from scratch"),
        (settings(momentum=0.8), "belongs to other settings or code: training starts from scratch"),
    ],
)
def test_a_training_resumes_if_it_is_the_same_code(interrupted, caplog, now, message):
    caplog.set_level(logging.INFO)
    train_network.main(*interrupted, now)
    assert message in caplog.text


def test_what_is_kept_of_a_network_says_how_good_it_is(paths, monkeypatch, capsys):
    inputs, outputs = paths
    monkeypatch.setattr(job, "_console", sys.stdout)
    train_network.main(inputs, outputs, settings())
    row = pd.read_csv(outputs.accuracy).iloc[0]
    with open_store(inputs.dataset, "dataset") as store:
        part = Dataset(store).part("measured")
        pixels, labels = as_pixels(part.images()), part.labels()
    right = predict(load_network(outputs.network), pixels).argmax(1).numpy() == labels
    assert row["accuracy"] == right.mean()
    low, high = wilson_interval(right.sum(), 360)
    assert list(row[["weights", "logits", "classes", "images"]]) == ["trained", 10, 10, 360]
    assert list(row[["ci_low", "ci_high"]]) == pytest.approx([low, high])
    words = f"test accuracy {100 * right.mean():.1f} % (360 images, 95 % interval {100 * low:.1f} to {100 * high:.1f})"
    assert capsys.readouterr().out == f"mine: lenet, {words}\n"


def test_a_network_of_another_accuracy_than_expected_is_not_kept(paths):
    inputs, outputs = paths
    with pytest.raises(NetworkError, match=r"the network of mine has test accuracy .* is 30\.0%; change networks"):
        train_network.main(inputs, outputs, settings(expected_accuracy=0.3))
    assert not Path(outputs.network).exists()


def test_a_caption_ends_with_the_networks():
    columns = ("experiment", "architecture", "accuracy", "images", "logits", "classes")
    rows = [("digits-lenet", "lenet", 0.975, 360, 10, 10), ("imagenette", "torchvision/alexnet", 0.859, 1000, 1000, 10)]
    caption = filled("What is seen in {place}.\n", pd.DataFrame(rows, columns=columns), place="it")
    assert caption == (
        "What is seen in it. Networks: digits-lenet: lenet, 97.5 % of 360 measured images; imagenette: "
        "torchvision/alexnet, 85.9 % of 1,000 measured images in the sub-network of 10 of its 1,000 logits.\n"
    )
