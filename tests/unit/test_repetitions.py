"""Repetitions are experiments of their own, with draws of their own, and figures show their mean."""

import numpy as np
import pandas as pd
import pytest

from engine.repetitions import compared, counterpart, with_repetitions
from friendlyfire.figures.scores import aligned
from friendlyfire.records.errors import ConfigError
from friendlyfire.records.intervals import interval_over_repetitions
from friendlyfire.records.seeds import derive_seed, repetition, repetition_of

CONFIG = {
    "experiments": {
        "one": {"dataset": "digits", "seeds": 3},
        "rival": {"dataset": "digits", "seeds": [0, 2], "networks": {"weights": "results/one/network.safetensors"}},
        "plain": {"dataset": "digits"},
        "later": {"dataset": "digits", "seeds": [5]},
    },
    "suites": {"all": ["one", "rival", "plain", "later"]},
}


def test_each_repetition_is_an_experiment():
    found = with_repetitions(CONFIG)
    assert found["suites"]["all"] == ["one", "one@1", "one@2", "rival", "rival@2", "plain", "later@5"]
    assert set(found["experiments"]) == {*found["suites"]["all"], "later"}
    assert found["experiments"]["one@1"] == CONFIG["experiments"]["one"]


def test_a_network_comes_from_the_repetition_of_the_same_number():
    experiments = with_repetitions(CONFIG)["experiments"]
    assert experiments["rival"]["networks"]["weights"] == "results/one/network.safetensors"
    assert experiments["rival@2"]["networks"]["weights"] == "results/one@2/network.safetensors"


@pytest.mark.parametrize(
    ("experiment", "other", "found"),
    [
        ("one", "rival", "rival"),
        ("one@2", "rival", "rival@2"),
        ("one@1", "rival", "rival"),
        ("one@2", "plain", "plain"),
        ("one", "later", "later@5"),
    ],
)
def test_a_basis_comes_from_the_repetition_of_the_same_number_or_the_first(experiment, other, found):
    assert counterpart(with_repetitions(CONFIG), experiment, other) == found


@pytest.mark.parametrize("expand", [dict, lambda config: {**config, **with_repetitions(config)}])
@pytest.mark.parametrize(
    ("experiment", "asked", "found"),
    [
        ("plain", [], []),
        ("plain", ["later"], ["later@5", "plain"]),
        ("plain", "suite", ["one", "one@1", "one@2", "rival", "rival@2", "plain", "later@5"]),
        ("other", "suite", ["other"]),
    ],
)
def test_networks_are_compared_with_all_repetitions_of_the_others(expand, experiment, asked, found):
    config = {**CONFIG, "suite": "all", "figures": {"transfer": asked}}
    config["experiments"] = {**CONFIG["experiments"], "other": {"dataset": "mnist"}}
    config["datasets"] = {"digits": {"source": "digits"}, "mnist": {"source": "MNIST"}}
    assert compared(expand(config), experiment) == found


@pytest.mark.parametrize("number", [0, 1, 12])
def test_names_and_numbers(number):
    assert repetition_of(repetition("mnist-lenet", number)) == ("mnist-lenet", number)
    assert (repetition("mnist-lenet", number) == "mnist-lenet") == (number == 0)


def test_repetitions_draw_independently():
    seeds = {derive_seed(0, "networks", repetition("one", number)) for number in range(100)}
    assert len(seeds) == 100


def test_the_interval_holds_the_mean_of_many_repetitions():
    rng, held = np.random.default_rng(0), []
    for _ in range(400):
        # Repetitions differ by 0.05; all are measured on the same 200 images.
        images, means = 0.02 * rng.standard_normal(), 0.6 + 0.05 * rng.standard_normal(8)
        values = means + images
        low, high = interval_over_repetitions(values[:, None], values[:, None] - 0.04, values[:, None] + 0.04)
        held.append(low[0] <= 0.6 <= high[0])
    assert np.mean(held) > 0.93


def test_of_one_repetition_the_interval_is_its_own():
    low, high = interval_over_repetitions(np.array([[0.5, 0.6]]), np.array([[0.4, 0.5]]), np.array([[0.7, 0.8]]))
    np.testing.assert_array_equal((low, high), [[0.4, 0.5], [0.7, 0.8]])


def test_directions_of_repetitions_are_turned_to_one_side():
    s, curve = np.array([-1.0, 0, 1]), np.array([0.0, 1, 3])
    parts = [{"seed": seed, "s": s, "target_p50": values} for seed, values in ((0, curve), (1, curve[::-1]))]
    found = aligned(pd.concat(map(pd.DataFrame, parts)))
    for _, part in found.groupby("seed"):
        np.testing.assert_array_equal(part["s"], s)
        np.testing.assert_array_equal(part["target_p50"], curve)


def test_a_network_of_a_repetition_that_does_not_exist_is_refused():
    rival = {**CONFIG["experiments"]["rival"], "seeds": 5, "networks": {"weights": "./results/one/network.safetensors"}}
    with pytest.raises(ConfigError, match=r"rival\.seeds: one, whose network it takes, has no repetition 3"):
        with_repetitions({**CONFIG, "experiments": {**CONFIG["experiments"], "rival": rival}})
