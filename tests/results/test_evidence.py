"""The published evidence: verdicts, pictures and texts follow from its tables, and the tables say what is claimed."""

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from docs import evidence

from conftest import REPOSITORY

EXPERIMENTS = evidence.experiments()

#: Least accuracy of each network, of every repetition.
ACCURATE = {
    "mnist-lenet": 0.99,
    "cifar10-nin-half": 0.87,
    "cifar10-alexnet-half": 0.85,
    "cifar100-alexnet-half": 0.50,
}


def test_the_tables_are_small_enough_to_publish():
    sizes = [path.stat().st_size for path in evidence.EVIDENCE.rglob("*.csv")]
    assert 0 < sum(sizes) < 3e6


def test_verdicts_follow_from_the_estimates_and_draws():
    written = pd.read_csv(evidence.EVIDENCE / "scorecard.csv", keep_default_na=False, na_values=[""])
    found = pd.concat([evidence.verdicts(*names) for names in map(evidence.experiments, evidence.FIGURES) if names])
    assert found["verdict"].tolist() == written["verdict"].tolist()
    np.testing.assert_allclose(found["estimate"], written["estimate"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("page", evidence.PAGES)
def test_texts_of_the_pages_follow_from_the_tables(page):
    text = (REPOSITORY / page).read_text()
    assert "<!-- evidence: " in text
    assert evidence.fill_in(text) == text


@pytest.mark.parametrize("name", evidence.PICTURES)
def test_pictures_follow_from_the_tables(name, tmp_path):
    evidence.draw_one(name, tmp_path)
    again, before = (matplotlib.image.imread(folder / f"{name}.png") for folder in (tmp_path, evidence.EVIDENCE))
    assert again.shape == before.shape
    assert np.abs(again - before).mean() < 0.01  # fonts may differ by a hair


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_networks_are_as_accurate_as_they_should(name):
    network = evidence.table("network.csv", name)
    assert (network["accuracy"] >= ACCURATE[name]).all()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_result_has_its_digests_and_where_it_was_made(name):
    results = evidence.table("results.csv", name)
    assert results[["seal", "contents", "commit", "device", "seconds", "peak_gib"]].notna().all().all()
    assert results["seal"].str.fullmatch("[0-9a-f]{16}").all()
    # Every repetition made the same results; the explorer is of the first alone.
    per_seed = results.groupby("seed")["result"].agg(set)
    assert all(made <= per_seed.iloc[0] for made in per_seed)
    assert set(results["seed"]) == set(evidence.table("network.csv", name)["seed"])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_directions_of_attack_classify_and_the_least_fooling_ones_do_not(name):
    """Section 4.3, of every repetition: half of the directions from either end."""
    table = evidence.table("fig4.csv", name).query("split == 'test'")
    half = table[table["rank"] <= table["rank"].max() / 2]
    best = half.groupby(["basis", "seed"])["accuracy"].max().unstack()
    full = evidence.table("network.csv", name).set_index("seed")["accuracy"]
    assert (best.loc["deepfool-high"] > 0.9 * full).all()
    assert (best.loc["deepfool-low"] < 0.5 * full).all()
