"""Images that another network changes: what is removed, what is attacked, and what noise is as long as."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from configurations import SCHEMA, SHIPPED
from engine.sections import network_section
from engine.settings import check_config
from friendlyfire.networks.lessons import attacked, leading, lessons, noise_like
from friendlyfire.networks.network import without_directions
from friendlyfire.records.errors import ConfigError


class Ten:
    """A data set of ten classes with a mean image."""

    class_names = tuple("0123456789")
    mean = np.full((1, 8, 8), 0.25)


@pytest.fixture
def vectors():
    """Five orthonormal columns."""
    return torch.linalg.qr(torch.randn(64, 5, generator=torch.Generator().manual_seed(0))).Q


def test_removed_directions_are_those_of_the_mean_image(digits, vectors):
    images, mean = digits["train"][0][:30].float() / 255, torch.full((1, 8, 8), 0.25)
    found = without_directions(images, mean, vectors)
    inside = found.flatten(1) @ vectors
    torch.testing.assert_close(inside, (mean.flatten() @ vectors).expand(30, 5), rtol=0, atol=1e-5)
    rest = (found - images).flatten(1)
    torch.testing.assert_close(rest @ vectors @ vectors.T, rest, rtol=0, atol=1e-5)


def test_attacks_raise_their_targets_inside_their_span(trained, digits, vectors):
    images, targets = digits["train"][0][:40].float() / 255, torch.arange(40) % 10
    for span in (None, vectors):
        found = attacked(trained(), images, targets, span, radius=0.7, steps=10)
        before, after = (trained()(x).log_softmax(1)[range(40), targets] for x in (images, images + found))
        assert (after >= before - 1e-4).float().mean() > 0.95
        assert found.flatten(1).norm(dim=1).max() < 0.7 + 1e-5
    torch.testing.assert_close(found.flatten(1) @ vectors @ vectors.T, found.flatten(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("confined", [True, False])
def test_noise_is_as_long_and_inside(vectors, confined):
    span, perturbations = vectors if confined else None, torch.rand(20, 1, 8, 8)
    found = noise_like(perturbations, span, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.flatten(1).norm(dim=1), perturbations.flatten(1).norm(dim=1))
    if confined:
        torch.testing.assert_close(found.flatten(1) @ vectors @ vectors.T, found.flatten(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["attacks", "noise"])
def test_relabelled_images_have_random_labels_and_equal_norms(trained, digits, kind):
    images, labels = (tensor[:300] for tensor in digits["train"])
    section = {"of": "other", "images": kind, "radius": 0.5, "steps": 3}
    first, second = (lessons(images, labels, Ten, section, seed=1, network=trained()) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert (first[1] == labels).float().mean() < 0.25  # chance is a tenth
    assert (first[0] - images / 255).flatten(1).norm(dim=1).max() <= 0.5 + 1e-5


def test_as_many_directions_as_are_asked_for_are_taken_and_too_few_are_told(vectors):
    section = {"of": "other", "images": "without-directions", "basis": "pca", "rank": 3}
    assert torch.equal(leading(vectors.double().numpy(), section), vectors[:, :3])
    with pytest.raises(ConfigError, match=r"rank: pca of other has 5 directions, not 9; set less"):
        leading(vectors.numpy(), {**section, "rank": 9})


@pytest.mark.parametrize("confined", [True, False])
def test_attacks_on_a_linear_network_go_along_its_weights(vectors, confined):
    """With two classes the gradient has one direction everywhere, so an attack goes as far along it as it may."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).requires_grad_(False).eval()
    images, targets = torch.rand(20, 1, 8, 8), torch.arange(20) % 2
    found = attacked(network, images, targets, vectors if confined else None, radius=2.0, steps=3).flatten(1)
    towards = network[1].weight[1] - network[1].weight[0]
    towards = vectors @ (vectors.T @ towards) if confined else towards
    expected = 2 * towards / towards.norm() * (2 * targets[:, None] - 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_attacks_on_a_linear_network_teach_its_weights():
    """Images of noise, attacked towards random classes: their means by label are the directions of the classes."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False)).requires_grad_(False).eval()
    images = torch.randint(256, (2000, 1, 8, 8), dtype=torch.uint8, generator=generator)
    section = {"of": "other", "images": "attacks", "radius": 2.0, "steps": 3}
    changed, labels = lessons(images, torch.zeros(2000, dtype=torch.long), Ten, section, seed=0, network=network)
    added = (changed - images / 255).flatten(1)
    means = torch.stack([added[labels == c].mean(0) for c in range(10)])
    centred = network[1].weight - network[1].weight.mean(0)
    assert ((means @ centred.T).argmax(1) == torch.arange(10)).all()


TEACHER = {"of": "digits-lenet", "images": "attacks", "radius": 0.5}


@pytest.mark.parametrize(
    ("train_on", "message"),
    [
        (TEACHER, ""),
        ({**TEACHER, "of": "digits"}, r"train_on\.of: there is no 'digits'; choose from"),
        ({**TEACHER, "of": "pupil"}, r"pupil <- pupil: a network cannot change its own training images"),
        ({**TEACHER, "of": "mnist-lenet"}, r"mnist-lenet has images of shape \(1, 28, 28\), not \(1, 8, 8\)"),
        ({**TEACHER, "rank": 3}, r"train_on: attacks needs basis and rank, or neither"),
        ({"of": "digits-lenet", "images": "without-directions"}, r"without-directions needs basis and rank$"),
        ({"of": "digits-lenet", "images": "noise"}, r"train_on\.radius: noise needs one"),
        ({**TEACHER, "everywhere": True}, r"train_on\.everywhere: it is for without-directions, not attacks; remove"),
        ({**TEACHER, "basis": "deepfool", "rank": 3}, r"train_on\.basis: there is no 'deepfool'; choose from"),
        ({**TEACHER, "basis": "pca", "rank": 64}, r"train_on\.rank: 64 leaves none of 64 dimensions"),
        ({"of": "digits-lenet"}, r"train_on.*images"),
    ],
)
def test_a_fault_is_one_line(train_on, message):
    config = copy.deepcopy(SHIPPED)
    config["experiments"]["pupil"] = {"dataset": "digits", "networks": {"train_on": train_on}}
    config["suites"]["demo"] = ["pupil"]
    if not message:
        check_config(config, SCHEMA)
        assert network_section(config, "pupil")["train_on"] == train_on
        return
    with pytest.raises(ConfigError, match=message) as caught:
        check_config(config, SCHEMA)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"robust": "trades"}, r"networks\.robust: 'trades' is not allowed; choose from None, cure, fast, noise, pgd"),
        ({"robust": "cure"}, r"networks\.robustness\.radius: cure needs one"),
        (
            {"robust": "pgd", "weights": "results/mnist-lenet/network.safetensors"},
            r"pgd trains a network, but weights are",
        ),
        (
            {"robustness": {"radius": 0.5}, "weights": "results/mnist-lenet/network.safetensors"},
            r"networks\.robustness\.radius: accuracy under attack is measured during training, but weights are",
        ),
        ({"robust": "pgd", "pgd": {"norm": "l1"}}, r"pgd\.norm: 'l1' is not allowed; choose from l2, linf"),
        ({"robust": "pgd", "pgd": {"epsilon": 1}}, r"unknown key 'epsilon'; allowed: norm, radius, step_size, steps"),
    ],
)
def test_a_fault_of_robust_training_is_one_line(networks, message):
    config = copy.deepcopy(SHIPPED)
    config["experiments"]["digits-lenet"]["networks"] = networks
    with pytest.raises(ConfigError, match=message):
        check_config(config, SCHEMA)
