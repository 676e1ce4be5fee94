"""A user's own attack and basis, by configuration alone, from the user's own folder."""

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import Workflow
from friendlyfire.records.stores import open_store

MODULE = '''
import numpy as np
import torch


def push(model, inputs, labels, step=1.0):
    """One step of a given length against the score of each label."""
    inputs = inputs.requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(inputs).gather(1, labels[:, None]).sum(), inputs)
    return inputs - step * gradient / gradient.flatten(1).norm(dim=1)[:, None, None, None]


def class_means(images, labels):
    """Mean image of each class, columns of any length."""
    return np.stack([images[labels == c].mean(0) for c in np.unique(labels)], axis=1)


def gradients(network, images, labels, count=4):
    """Leading directions of the gradients of the labels' scores."""
    images = images.requires_grad_(True)
    scores = network(images).gather(1, torch.from_numpy(labels).to(images.device)[:, None])
    (found,) = torch.autograd.grad(scores.sum(), images)
    return np.linalg.svd(found.flatten(1).cpu().numpy(), full_matrices=False)[2][:count].T


def crooked(images):
    return images[0]


def failing(model, inputs, labels):
    raise RuntimeError("no attack today")
'''

CONFIG = {
    "attacks": {"push": {"make": "mykinds:push", "options": {"step": 1.5}, "label": "one push"}},
    "bases": {
        "means": {"make": "mykinds:class_means", "from": "dataset", "label": "class means", "colour": "#123456"},
        "gradients": {"make": "mykinds:gradients", "from": "network", "options": {"count": 6}},
        "push-high": {"make": "friendlyfire.bases.singular:singular_basis", "from": "perturbations", "of": "push"},
    },
    "experiments": {
        "digits-lenet": {
            "perturbations": {"images": 200},
            "boundary": {"images": 10},
            "confinement": {"images": 20, "ranks": 3},
            "figures": {"fig3": ["means"], "fig4": ["means", "gradients", "push-high"], "fig5": ["means"]},
            "fractions": {"attacks": ["push", "fgsm"]},
        }
    },
}


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with a module and a configuration, and a function that runs the workflow there."""
    workflow, folder = Workflow(tmp_path_factory.mktemp("kinds") / "ff"), tmp_path_factory.mktemp("mine")
    (folder / "mykinds.py").write_text(MODULE)
    (folder / "mine.yaml").write_text(yaml.safe_dump(CONFIG))
    there = ("--snakefile", str(workflow.folder / "Snakefile"), "--directory", str(folder))

    def run(*arguments, **options):
        return workflow.run(*arguments, *there, "--configfile", str(folder / "mine.yaml"), **options)

    run("fig3", "fig4", "fig5")
    return folder, run


def test_own_kinds_are_in_the_tables_by_their_names(outside):
    folder, _ = outside
    accuracy = pd.read_csv(folder / "results/figures/fig4.csv")
    assert accuracy.groupby("basis")["rank"].max().to_dict() == {"means": 10, "gradients": 6, "push-high": 64}
    fractions = pd.read_csv(folder / "results/digits-lenet/fractions/means.csv")
    assert set(fractions["attack"]) == {"push", "fgsm"}
    assert fractions.query("attack == 'push'")["fooling"].iloc[0] > 0.5
    for name in ("fig3", "fig4", "fig5"):
        assert (folder / f"results/figures/{name}.png").stat().st_size > 5000


def test_what_they_give_is_made_whole_by_the_workflow(outside):
    folder, _ = outside
    with open_store(folder / "results/digits-lenet/bases/means.zarr.zip", "basis", "digits-lenet") as store:
        vectors = store["vectors"]
    assert vectors.shape == (64, 10)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(10), atol=1e-10)
    with open_store(folder / "results/digits-lenet/perturbations/push.zarr.zip", "perturbations") as store:
        assert store["norms"] == pytest.approx(1.5, rel=1e-4)
        assert set(store["statuses"].tolist()) == {0, 2}


def test_an_edit_reruns_what_it_made_and_nothing_else(outside):
    folder, run = outside
    module = folder / "mykinds.py"
    module.write_text(MODULE.replace("Mean image of each class", "The mean of each class"))
    assert "Nothing to be done" in run("fig3", "--dry-run")
    module.write_text(MODULE.replace("mean(0)", "mean(0) - 1"))
    printed = run("fig3", "fig4", "--dry-run")
    module.write_text(MODULE)
    assert "basis=means" in printed
    assert "basis=gradients" not in printed.replace("plot", "")
    assert "rule perturb_images" not in printed


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("bases={x: {make: mykinds:nothing, from: dataset}}", "bases.x.make: module 'mykinds'"),
        ("bases={x: {make: mykinds:crooked}}", "'from' is a required property"),
        ("bases={x: {make: mykinds:crooked, from: thin air}}", "choose from dataset, network"),
        ("bases={x: {make: mykinds:crooked, from: perturbations}}", "needs the key 'of', the attack"),
        ("bases={pca: {make: mykinds:crooked, from: dataset}}", "the name 'pca' belongs to a built-in basis"),
        ("attacks={x: mykinds:nothing}", "attacks.x: module 'mykinds'"),
        ("attacks={fgsm: mykinds:push}", "attacks.fgsm: this name belongs to a built-in attack"),
    ],
)
def test_a_fault_in_their_declaration_stops_before_any_job(outside, config, told):
    _, run = outside
    assert told in run("fig3", "--config", config, fails=True)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            "experiments={digits-lenet: {bases: {x: {make: mykinds:crooked, from: dataset}}, figures: {fig4: [x]}}}",
            "bases.x: mykinds:crooked returns directions of shape (64,)",
        ),
        (
            "experiments={digits-lenet: {attacks: {bad: mykinds:failing}, fractions: {attacks: [bad]}}}",
            "attacks.bad: mykinds:failing fails: RuntimeError: no attack today",
        ),
    ],
)
def test_a_fault_of_theirs_is_one_line(outside, config, told):
    _, run = outside
    assert told in run("fig3", "fig4", "--config", config, fails=True)
