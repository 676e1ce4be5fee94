"""Twins have the settings of their originals, are compared with them, and are drawn beside them."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from configurations import SCHEMA, SHIPPED
from engine.figures import Figures
from engine.kinds import lacking
from engine.repetitions import with_repetitions
from engine.settings import check_config
from engine.stages import Stages
from engine.twins import originals, with_twins
from friendlyfire.figures.redrawn import LEGEND
from friendlyfire.figures.twins import twins_beside_originals, twins_panels
from friendlyfire.measures.bending import bending, curvatures
from friendlyfire.records.errors import ConfigError
from friendlyfire.records.stores import create_store, open_store

EXPERIMENTS = {
    "plain": {"dataset": "digits", "seeds": 2, "networks": {"epochs": 3, "momentum": 0.5}},
    "robust": {"twin_of": "plain", "networks": {"epochs": 5, "robust": "pgd"}},
    "once": {"twin_of": "plain", "seeds": [4], "networks": {"robust": "pgd"}},
}


class Wildcards(dict):
    """Wildcards of a job."""

    __getattr__ = dict.__getitem__


def test_a_twin_has_the_settings_of_its_original_under_its_own():
    found = with_twins(EXPERIMENTS)
    assert found["plain"] is EXPERIMENTS["plain"]
    assert found["robust"] == {
        "dataset": "digits",
        "seeds": 2,
        "twin_of": "plain",
        "networks": {"epochs": 5, "momentum": 0.5, "robust": "pgd"},
    }


@pytest.mark.parametrize(
    ("of", "message"), [("plane", "'plane' is no experiment; choose from plain"), ("once", "'once' is a twin itself")]
)
def test_a_wrong_original_is_refused(of, message):
    with pytest.raises(ConfigError, match=rf"experiments\.robust\.twin_of: {message}"):
        with_twins({**EXPERIMENTS, "robust": {"twin_of": of}})


def test_repetitions_are_twins_of_those_of_the_same_number():
    experiments = with_twins(EXPERIMENTS)
    found = with_repetitions({"experiments": experiments, "suites": {"all": list(experiments)}})
    pairs = originals({**found, "suite": "all"})
    assert pairs == {"robust": "plain", "robust@1": "plain@1", "once@4": "plain"}


@pytest.fixture
def config():
    """The shipped configuration, with a suite of twins on digits."""
    experiments = {
        "plain": {**SHIPPED["experiments"]["digits-lenet"]},
        "robust": {"twin_of": "plain", "networks": {"robust": "pgd"}},
    }
    found = {**SHIPPED, "suite": "two", "suites": {"two": ["robust"]}, "experiments": with_twins(experiments)}
    check_config(found, SCHEMA)
    return found


def test_claims_about_a_twin_read_both(config, tmp_path):
    stages = Stages(config, tmp_path)
    read = stages.read_of_original(Wildcards(experiment="robust"))
    assert read == [
        "results/plain/accuracy/deepfool-high.zarr.zip",
        "results/plain/fractions/deepfool-high.zarr.zip",
        "results/plain/bending/images.zarr.zip",
    ]
    assert stages.quality_of_claims(Wildcards(experiment="robust")) == [
        "results/robust/quality.csv",
        "results/plain/quality.csv",
    ]
    networks = ["results/robust/network.csv", "results/plain/network.csv"]
    assert stages.networks_of_claims(Wildcards(experiment="robust")) == networks
    assert stages.networks_of_claims(Wildcards(experiment="plain")) == networks[1:]
    assert stages.read_of_original(Wildcards(experiment="plain")) == []
    assert not any("bending" in path for path in stages.read_by_claims(Wildcards(experiment="plain")))
    assert lacking(config, "plain", "robust-flatter") == "twin_of, the experiment that it is compared with"


def test_the_figure_shows_originals_that_are_not_in_the_suite(config, tmp_path):
    figures = Figures(config, tmp_path)
    assert figures.experiments_with("twins") == ["plain", "robust"]
    read = figures.read_by("twins")
    assert read["accuracy"] == [
        f"results/{name}/accuracy/{basis}.csv" for name in ("plain", "robust") for basis in ("deepfool-high", "pca")
    ]
    assert figures.files("twins")
    alone = {**config, "suites": {"two": ["plain"]}}
    assert Figures(alone, tmp_path).files("twins") == []


@pytest.fixture
def attacked(tmp_path):
    """Stores of perturbations: the twin's are twice as long, and one image in ten withstands."""
    opened = []
    for name, factor in (("plain", 1.0), ("robust", 2.0)):
        arrays = {
            "norms": factor * np.arange(1.0, 41),
            "held_out": np.arange(40) >= 20,
            "statuses": np.where(np.arange(40) >= 38, 2, 0),
        }
        path = tmp_path / f"{name}.zarr.zip"
        with create_store(path, "perturbations", {"experiment": name}) as store:
            for key, array in arrays.items():
                store.array(key, array)
        opened.append(open_store(path, "perturbations"))
    stores = [context.__enter__() for context in opened]
    yield stores
    for context in opened:
        context.__exit__(None, None, None)


def test_the_figure_draws_twins_over_their_original(attacked):
    ranks, names = np.array([0, 1, 5, 20]), ("plain", "robust")
    rows = [
        {"experiment": name, "seed": 0, "basis": basis, "rank": rank, "role": "measured", "accuracy": 0.1 + 0.04 * rank,
         "ci_low": 0.0, "ci_high": 1.0, "images": 50, "attack": "deepfool", "fraction": 0.05 * rank}
        for name in names for basis in ("deepfool-high", "pca") for rank in ranks
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    accuracy, fractions = table.drop(columns=["attack", "fraction"]), table.drop(columns=["accuracy", "role"])
    spectra = pd.DataFrame(
        [
            {"experiment": name, "seed": 0, "spectrum": "curvature", "class": c, "index": k, "value": value}
            for name in names
            for c in "ab"
            for k, value in enumerate((3.0, 0.5, -4.0), start=1)
        ]
    )
    shown = twins_beside_originals(accuracy, fractions, spectra, attacked, {"robust": "plain"})
    assert set(shown.tables["numbers"]["of"]) == {"plain"}
    assert shown.tables["spectra"].query("experiment == 'robust'")["value"].tolist() == [4.0, 3.0, 0.5]
    norms = shown.tables["norms"].set_index(["experiment", "percent"])["norm"]
    assert norms["plain", 50] == 30
    assert norms["robust", 90] == 76
    assert np.isnan(norms["robust", 91])
    assert shown.words["norms"] == "plain: 30; robust: 60"
    figure = twins_panels(shown.tables["numbers"], shown.tables["spectra"], shown.tables["norms"], legend=LEGEND)
    assert len(figure.axes) == 4
    # Rank 0 has no place on a logarithmic axis; a line from there would be flat up to the first rank.
    assert {line.get_xdata().min() for line in figure.axes[0].get_lines()} == {1}
    bases, networks = ([text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes[2:])
    assert networks == ["plain", "robust"]
    assert bases == ["DeepFool, high to low", "principal components (control)"]


class Quadratic(nn.Module):
    """A network of two logits, x'Hx / 2 + g'x and 0."""

    def __init__(self, hessian, slope):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))
        self.hessian, self.slope = hessian, slope

    def forward(self, images):
        x = images.flatten(1)
        value = 0.5 * ((x @ self.hessian) * x).sum(1) + x @ self.slope
        return torch.stack([value, torch.zeros_like(value)], 1)


def test_the_curvature_of_a_quadratic_is_exact(tmp_path):
    generator = torch.Generator().manual_seed(0)
    hessian = torch.randn(9, 9, generator=generator)
    hessian = hessian + hessian.T
    network = Quadratic(hessian, torch.randn(9, generator=generator)).eval()
    values, vectors = np.linalg.eigh(hessian.double().numpy())
    values, vectors = values[::-1], vectors[:, ::-1]
    images = torch.rand(6, 1, 3, 3, generator=generator)
    sources = torch.ones(6, dtype=torch.long)
    direction = torch.from_numpy(vectors[:, 0].copy()).float().reshape(1, 3, 3)
    along = curvatures(network, images, 0, sources, direction, 0.5)
    np.testing.assert_allclose(along, values[0], rtol=1e-4)

    boundary, curvature = tmp_path / "boundary.zarr.zip", tmp_path / "curvature.zarr.zip"
    with create_store(boundary, "boundary", {}) as store:
        store.array("0/positions", np.array([0, 1, 2, 4, 5, 7]))
        store.array("0/sources", sources.numpy())
        store.array("0/points", images.numpy())
        store.array("0/statuses", np.zeros(8, dtype=int))
    record = {"settings": {"source": "clean", "step": 0.5}, "classes": [0], "class_names": ["zero"], "pixels": 9}
    with create_store(curvature, "curvature", record) as store:
        store.array("0/values", values.copy())
        store.array("0/vectors", vectors.astype(np.float32))
        store.array("0/kept", np.arange(9))
    with open_store(boundary, "boundary") as points, open_store(curvature, "curvature") as pairs:
        found = bending(network, [points], [pairs])
    table = found.tables["bending"]
    np.testing.assert_allclose(table["curvature"], table["eigenvalue"], rtol=1e-4)
    np.testing.assert_allclose(table["eigenvalue"], [values[0], values[-1]])
    assert np.isnan(found.arrays["curvatures"][[3, 6]]).all()
    assert np.isfinite(found.arrays["curvatures"][[0, 1, 2, 4, 5, 7]]).all()
