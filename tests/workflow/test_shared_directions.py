"""Networks on each other's directions: figure, claims, a basis of another experiment, lessons, what each depends on."""

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import Workflow
from friendlyfire.records.stores import open_store

COUNTS = {
    "dataset": "digits",
    "threads": 1,
    "networks": {"epochs": 4, "width": 0.5},
    "perturbations": {"images": 80},
    "boundary": {"images": 12},
    "accuracy": {"training_images": 50, "ranks": 8},
}


def taught(images, **options):
    """The section of a network that the first one teaches, with ten directions."""
    train_on = {"of": "one", "images": images, "basis": "deepfool-high", "rank": 10, **options}
    return {"networks": {**COUNTS["networks"], "at_chance": "accept", "train_on": train_on}}


CONFIG = {
    "suite": "two",
    "suites": {"two": ["one", "rival", "guesser"]},
    "figures": {
        "transfer": "suite",
        "fig3": ["jacobian", "untrained"],
        "fig4": ["deepfool-high"],
        "spectrum": ["deepfool"],
    },
    "bases": {"jacobian_images": 40, "untrained_networks": 20},
    "claims": {"tested": ["jacobian-same", "shared-directions"]},
    "experiments": {
        "one": {**COUNTS, "seeds": [0, 2]},
        "rival": {
            **COUNTS,
            "bases": {"theirs": {"of": "one", "basis": "deepfool-high"}},
            "figures": {"fig4": ["theirs", "deepfool-high"]},
        },
        "guesser": {
            **COUNTS,
            "networks": {"epochs": 1, "width": 0.5, "learning_rate": 1e-6, "at_chance": "accept"},
            "figures": {"fig3": []},
            "claims": {"tested": ["shared-directions"]},
        },
        "blind": {**COUNTS, **taught("without-directions", everywhere=True)},
        "bereft": {**COUNTS, **taught("without-directions")},
        "fooled": {**COUNTS, **taught("attacks", radius=1, steps=5)},
    },
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A suite of a network, its repetition, a rival, and one that learned nothing, run to the figures."""
    workflow = Workflow(tmp_path_factory.mktemp("transfer") / "ff")
    (workflow.folder / "two.yaml").write_text(yaml.safe_dump(CONFIG))
    workflow.run("transfer", "fig4", "scorecard", "--configfile", "two.yaml")
    return workflow


def test_every_network_is_measured_on_the_directions_of_every_other(built):
    table = pd.read_csv(built.folder / "results/figures/transfer.csv")
    assert table.groupby(["experiment", "seed"]).size().tolist() == [4, 4, 4, 4]
    own = table[table["theirs"] == table["experiment"] + table["seed"].map({0: "", 2: "@2"})]
    assert len(own) == 4
    np.testing.assert_allclose(own["overlap"], 1)
    np.testing.assert_allclose(own["accuracy"], own["own_accuracy"])
    assert (table["overlap"] > table["chance"]).all()
    assert (built.folder / "results/figures/transfer.png").stat().st_size > 5000


def test_a_basis_of_another_experiment_is_used_as_it_is_there(built):
    stores = []
    for path in ("one/bases/deepfool-high", "rival/bases/theirs"):
        with open_store(built.folder / f"results/{path}.zarr.zip", "basis") as store:
            stores.append((store["vectors"], store["scores"]))
    for one, other in zip(*stores, strict=True):
        np.testing.assert_array_equal(one, other)
    table = pd.read_csv(built.folder / "results/figures/fig4.csv")
    assert set(table[table["experiment"] == "rival"]["basis"]) == {"theirs", "deepfool-high"}


def test_what_one_network_teaches_another(built):
    """Attacks on a network that removes directions from all images lie in the others; attacks on the rest do not."""
    pupils = ("blind", "bereft", "fooled")
    built.run(*(f"results/{name}/perturbations/deepfool.zarr.zip" for name in pupils), "--configfile", "two.yaml")
    with open_store(built.folder / "results/one/bases/deepfool-high.zarr.zip", "basis") as store:
        leading = store["vectors"][:, :10]
    inside = {}
    for name in pupils:
        with open_store(built.folder / f"results/{name}/perturbations/deepfool.zarr.zip", None) as store:
            found = store["perturbations"].reshape(-1, 64)
            inside[name] = np.linalg.norm(found @ leading) / np.linalg.norm(found)
    assert inside["blind"] < 1e-4
    assert min(inside["bereft"], inside["fooled"]) > 0.1
    accuracy = {name: pd.read_csv(built.folder / f"results/{name}/network.csv").accuracy[0] for name in pupils}
    assert accuracy["blind"] > 0.2


def test_their_claims_are_judged(built):
    table = pd.read_csv(built.folder / "results/figures/scorecard.csv", keep_default_na=False)
    assert set(zip(table["experiment"], table["claim"], table["part"], strict=True)) == {
        ("one", "jacobian-same", ""),
        ("one", "shared-directions", "one"),
        ("one", "shared-directions", "rival"),
        ("one", "shared-directions", "guesser"),
        ("rival", "jacobian-same", ""),
        ("rival", "shared-directions", "one"),
        ("rival", "shared-directions", "guesser"),
        ("guesser", "shared-directions", "one"),
        ("guesser", "shared-directions", "rival"),
    }
    concerned = (table["experiment"] == "guesser") | (table["part"] == "guesser")
    assert set(table[concerned]["verdict"]) == {"not to be trusted"}
    assert table[concerned]["reason"].str.contains("guesser is no better than a constant guess").all()
    assert not table[~concerned]["reason"].str.contains("constant guess").any()


def test_a_change_of_the_other_experiment_reruns_what_is_made_of_it(built):
    changed = "experiments={one: {perturbations: {images: 90}}}"
    printed = built.run("transfer", "fig4", "--dry-run", "--configfile", "two.yaml", "--config", changed)
    assert "experiment=rival, basis=theirs" in printed
    assert "experiment=rival, basis=deepfool-high" not in printed
    assert "experiment=rival, theirs=one" in printed
    assert "experiment=rival, theirs=rival" not in printed
    assert "Nothing to be done" in built.run("transfer", "fig4", "scorecard", "--dry-run", "--configfile", "two.yaml")


def test_a_suite_of_one_network_is_told_what_is_missing(built):
    told = (
        "transfer: no experiment of the suite has a panel in it; set figures.transfer to suite, and give the suite two"
    )
    assert told in built.run("transfer")
