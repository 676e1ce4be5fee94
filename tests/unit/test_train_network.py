"""A training that was interrupted resumes, unless its code has changed; what is kept of it says how good it is."""

import logging
from types import SimpleNamespace

import pytest

import train_network
from conftest import TRAINING
from friendlyfire.datasets import digits_splits, draw_roles
from friendlyfire.stores import create_store
from records import provenance

SECTION = {**TRAINING, "epochs": 3, "weights": None, "expected_accuracy": None, "accuracy_tolerance": 0.02}


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
    """A training that ends after its first epoch; afterwards all goes on as ever."""

    def interrupt(self, done):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train_network.Progress, "reach", interrupt)
        train_network.main(*paths, settings())
    return paths


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (settings(), "going on after epoch 1"),
        (settings(expected_accuracy=0.9, accuracy_tolerance=0.2), "going on after epoch 1"),
        (settings("another"), "is of other settings or code: training starts anew"),
        (settings(momentum=0.8), "is of other settings or code: training starts anew"),
    ],
)
def test_a_training_resumes_if_it_is_the_same_code(interrupted, caplog, now, message):
    caplog.set_level(logging.INFO)
    train_network.main(*interrupted, now)
    assert message in caplog.text


def test_the_users_own_module_is_code(tmp_path, monkeypatch):
    class Inputs(dict):
        def __iter__(self):
            return iter(path for paths in self.values() for path in paths)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").touch()
    digests = set()
    for content in ("a = 1", "a = 2"):
        (tmp_path / "mynets.py").write_text(content)
        config = {"experiments": {"mine": {}}, "seed": 0, "threads": 1}
        inputs = Inputs({"code": ["script.py"], "own": ["mynets.py"]})
        fake = SimpleNamespace(input=inputs, config=config, params=[], rule="r", wildcards={"experiment": "mine"})
        digests.add(provenance(fake)["code"])
    assert len(digests) == 2
