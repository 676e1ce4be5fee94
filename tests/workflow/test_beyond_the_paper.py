"""Margins, the plane of the images and frequencies, from the images to the figures and verdicts."""

import re

import pandas as pd
import pytest

from conftest import REPOSITORY, Workflow

CONFIG = """
suite: both
suites: {both: [plain, turned]}
datasets:
  small: {source: digits, train: 400, test: 60, held_out: 40}
  turned: {source: digits, train: 400, test: 60, held_out: 40, frequencies: flipped}
experiments:
  plain: {dataset: small}
  turned: {twin_of: plain, dataset: turned, claims: {tested: [margin-profile, flipped-profile, off-manifold]}}
threads: 1
networks: {epochs: 15, batch_size: 16, width: 0.5}
perturbations: {images: 100, fgsm: {epsilon: 0.1}}
fractions: {attacks: [deepfool, fgsm]}
margins: {images: 20, blocks: 5, width: 8}
manifold: {images: 20, variances: [0.5, 0.95]}
heatmap: {images: 20, reach: 2}
claims: {tested: [margin-profile, off-manifold], draws: 100}
figures: {margins: [dct, pca], manifold: [pca], frequency: true, spectrum: [deepfool]}
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    workflow = Workflow(tmp_path_factory.mktemp("margins") / "run")
    (workflow.folder / "both.yaml").write_text(CONFIG, encoding="utf-8")
    workflow.run("margins", "manifold", "frequency", "scorecard", "--configfile", "both.yaml")
    return workflow.folder / "results"


def test_the_figures_have_what_was_asked_for(results):
    tables = {name: pd.read_csv(results / f"figures/{name}.csv") for name in ("margins", "manifold", "frequency")}
    assert all(set(table["experiment"]) == {"plain", "turned"} for table in tables.values())
    assert set(tables["margins"]["basis"]) == {"dct", "pca"}
    assert tables["manifold"].groupby(["experiment", "variance", "side"]).size().eq(1).all()
    assert set(tables["frequency"]["attack"]) == {"images", "deepfool", "fgsm"}
    shares = tables["frequency"].groupby(["experiment", "attack"])["energy"].sum()
    assert shares.to_numpy() == pytest.approx(1)
    waves = pd.read_csv(results / "figures/frequency-heatmap.csv").groupby("experiment")
    assert (waves.size() == 25).all()


def test_two_experiments_are_compared_by_a_claim(results):
    verdicts = pd.read_csv(results / "figures/scorecard.csv")
    found = verdicts.groupby("experiment")["claim"].agg(set)
    assert found["plain"] == {"margin-profile", "off-manifold"}
    assert found["turned"] == {"margin-profile", "flipped-profile", "off-manifold"}
    profiles = [
        pd.read_csv(results / f"{name}/margins/dct.csv").set_index("first")["margin"] for name in ("plain", "turned")
    ]
    (row,) = verdicts.query("claim == 'flipped-profile'").itertuples()
    assert row.estimate == pytest.approx(profiles[0].corr(profiles[1], method="spearman"))


def test_every_column_is_described(results):
    text = (REPOSITORY / "docs/how-to/margins.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))
    paths = [results / f"plain/{name}.csv" for name in ("margins/dct", "manifold/pca", "energies/energies")]
    tables = [pd.read_csv(path) for path in [*paths, results / "plain/heatmap/heatmap.csv"]]
    there = {re.sub(r"(^|_)ci_(low|high)$", "", column) for table in tables for column in table}
    assert there - {"", "experiment", "seed", "provenance"} == described
