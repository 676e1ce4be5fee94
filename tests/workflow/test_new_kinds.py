"""A new kind is one new file: the schema, the rules, the legends and the figures read its declaration."""

import pandas as pd
import pytest

from conftest import Workflow

FILES = {
    "bases/means.py": '''
"""Mean images of the classes."""

import numpy as np

from friendlyfire.bases.basis import Basis, orthonormalise

BASES = {
    "means": {
        "make": "class_means",
        "from": "dataset",
        "label": "class means",
        "colour": "#123456",
        "settings": ["bases.pca_images"],
        "scores": "1",
    },
}


def class_means(images, labels):
    """Orthonormalised means of the classes."""
    vectors, kept = orthonormalise([np.stack([images[labels == c].mean(0) for c in np.unique(labels)], 1)], 64)
    return Basis(vectors, np.ones(kept.sum()))
''',
    "attacks/darkening.py": '''
"""Every pixel a little darker."""

import torch

ATTACKS = {
    "darkening": {
        "make": "darkening",
        "gives": "perturbations",
        "label": "darkening",
        "description": "every pixel darker by the same amount",
        "options": {
            "amount": {"default": 0.2, "type": "number", "exclusiveMinimum": 0, "description": "of each pixel"},
        },
    },
}


def darkening(network, images, *, amount):
    """Perturbations that darken."""
    return torch.full_like(images, -amount)
''',
    "networks/architectures/linear.py": '''
"""A linear classifier."""

from torch import nn

ARCHITECTURES = {"linear": {"make": "linear", "label": "linear", "smallest_side": 1}}


def linear(shape, classes, width=1.0, activation="relu", pooling="max"):
    """Logits that are linear in the pixels."""
    channels, height, side = shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * side, classes))
''',
    "measures/confidence.py": '''
"""How sure a network is of its own classes."""

import pandas as pd

from friendlyfire.measures.measured import Measured
from friendlyfire.networks.network import as_pixels, predict

MEASURES = {
    "confidence": {
        "make": "confidence",
        "per": None,
        "from": ["network", "dataset"],
        "with": {},
        "gives": {"confidence": "confidence.csv"},
        "gigabytes": [4, 0],
        "hours": 1,
        "description": "softmax of the predicted class",
        "options": {"images": {"default": 50, "type": "integer", "minimum": 1, "description": "how many"}},
    },
}


def confidence(network, dataset, *, images):
    """Mean softmax of the predicted class over measured images."""
    pixels = as_pixels(dataset.part("measured", images).images(), network.mean.device)
    found = predict(network, pixels).softmax(1).max(1).values
    return Measured({"confidence": pd.DataFrame([{"confidence": float(found.mean()), "images": len(found)}])})
''',
    "figures/sureness.py": '''
"""Confidence, a bar per experiment."""

import matplotlib.pyplot as plt

from friendlyfire.figures.shown import Shown

FIGURES = {
    "sureness": {
        "make": "sureness",
        "draw": "bars",
        "title": "Sureness",
        "section": "4 Networks",
        "reads": {"table": "confidence/confidence.csv"},
        "tables": {"numbers": "numbers"},
        "caption": "How sure the networks are, in the mean of {images} images.",
    },
}


def sureness(table):
    """The confidence of each experiment."""
    return Shown({"numbers": table}, words={"images": str(table["images"].max())})


def bars(numbers):
    """Draw a bar per experiment."""
    figure, ax = plt.subplots()
    ax.bar(numbers["experiment"], numbers["confidence"])
    return figure
''',
}

CONFIG = """experiments={digits-lenet: {networks: {architecture: linear, epochs: 5},
    perturbations: {images: 64, darkening: {amount: 0.4}}, accuracy: {training_images: 50},
    fractions: {attacks: [darkening]}, confidence: {images: 40},
    figures: {fig3: [means], fig4: [means, random], spectrum: [pca]}}}"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with a new file per noun, and the output of a run of the figures with them."""
    workflow = Workflow(tmp_path_factory.mktemp("kinds") / "ff")
    for name, content in FILES.items():
        (workflow.folder / "workflow/friendlyfire" / name).write_text(content.lstrip())
    printed = workflow.run("fig3", "fig4", "sureness", "--config", " ".join(CONFIG.split()))
    return workflow, printed


def test_each_is_used_by_its_name(extended):
    results = extended[0].folder / "results"
    assert pd.read_csv(results / "digits-lenet/network.csv")["architecture"].tolist() == ["linear"]
    assert set(pd.read_csv(results / "figures/fig4.csv")["basis"]) == {"means", "random"}
    fractions = pd.read_csv(results / "digits-lenet/fractions/means.csv")
    assert set(fractions["attack"]) == {"darkening"}
    confidence = pd.read_csv(results / "figures/sureness.csv")
    assert confidence["images"].tolist() == [40]
    assert confidence["confidence"].between(0.1, 1).all()


def test_a_new_figure_is_a_target_with_a_caption(extended):
    workflow, printed = extended
    results = workflow.folder / "results"
    assert "plot_sureness: Sureness" in printed
    assert (results / "figures/sureness.png").stat().st_size > 2000
    assert (
        (results / "figures/sureness.rst")
        .read_text()
        .startswith("How sure the networks are, in the mean of 40 images. Networks: digits-lenet: linear, ")
    )


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("confidence={images: 0}", "confidence.images: 0 is less than the minimum of 1"),
        ("confidence={pictures: 3}", "confidence: unknown key 'pictures'; allowed: images"),
        ("perturbations={darkening: {amount: -1}}", "perturbations.darkening.amount: -1 is less than or equal to"),
    ],
)
def test_its_options_are_checked_before_any_job(extended, config, told):
    assert told in extended[0].run("sureness", "--config", config, fails=True)
