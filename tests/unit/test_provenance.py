"""Inputs of a job belong together, or the message names those that do not."""

import pytest

from configurations import SHIPPED
from engine.provenance import configured, settings_of, unite
from engine.sections import network_section
from friendlyfire.records.errors import ProvenanceError

NETWORK = "results/digits-lenet/network.safetensors"


def test_sections_are_named_as_in_the_configuration():
    params = {
        "seed": 0,
        "boundary": {"images": 60},
        "curvature": {"leading": 10, "shards": 3},
        "accuracy": {"ranks": 16},
    }
    flat = {
        "seed": 0,
        "digits-lenet.boundary.images": 60,
        "digits-lenet.curvature.leading": 10,
        "digits-lenet.accuracy.ranks": 16,
    }
    assert settings_of(params, "digits-lenet") == flat
    assert {key: configured(SHIPPED, key) for key in flat} == flat


def test_a_data_set_has_settings_of_its_own():
    flat = settings_of({"seed": 0, "source": "ImageNet", "size": 224}, "datasets.imagenet")
    assert flat == {"seed": 0, "datasets.imagenet.source": "ImageNet", "datasets.imagenet.size": 224}
    assert {key: configured(SHIPPED, key) for key in flat} == flat


def test_an_attack_that_nothing_was_said_of_has_no_options():
    flat = settings_of({"perturbations": {"foolbox.L2PGD": {}}}, "digits-lenet")
    assert unite({"a": flat}, SHIPPED) == {"digits-lenet.perturbations.foolbox.L2PGD": {}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": 1}, "a.csv was made with seed = 1, but the configuration has 0; recreate it with: snakemake"),
        ({"digits-lenet.networks.epochs": 3}, r"digits-lenet\.networks\.epochs = 3, but the configuration has 30;"),
        ({"datasets.digits.size": 9}, r"datasets\.digits\.size = 9, but the configuration has None;"),
        ({"gone.networks.epochs": 3}, r"gone\.networks\.epochs = 3, but the configuration has None;"),
    ],
)
def test_settings_that_are_no_longer_so_are_told(settings, message):
    with pytest.raises(ProvenanceError, match=message):
        unite({"a.csv": settings}, SHIPPED)


def test_a_robust_training_that_was_switched_on_since_is_told():
    networks = network_section(SHIPPED, "digits-lenet")
    before = settings_of({"networks": networks}, "digits-lenet")
    assert unite({"a.csv": before}, SHIPPED) == before
    own = {**SHIPPED["experiments"]["digits-lenet"], "networks": {**networks, "robust": "pgd"}}
    config = {**SHIPPED, "experiments": {"digits-lenet": own}}
    with pytest.raises(
        ProvenanceError, match=r"made with digits-lenet\.networks\.\w+ = None, but the configuration has"
    ):
        unite({"a.csv": before}, config)


def test_results_of_two_networks_are_told():
    with pytest.raises(
        ProvenanceError, match=r"a\.csv and b\.csv come from different .*network.* --force a\.csv b\.csv"
    ):
        unite({"a.csv": {NETWORK: "1f"}, "b.csv": {NETWORK: "2e"}}, SHIPPED)
    assert unite({"a.csv": {NETWORK: "1f"}, "b.csv": {NETWORK: "1f"}}, SHIPPED) == {NETWORK: "1f"}
