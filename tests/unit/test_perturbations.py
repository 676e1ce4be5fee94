"""FGSM, saliency, universal perturbations and norm fractions against their closed forms."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.fgsm import fgsm
from friendlyfire.attacks.foolbox import foolbox_perturbations
from friendlyfire.attacks.saliency import saliency
from friendlyfire.attacks.universal import project_onto_ball, universal, universal_in_step
from friendlyfire.bases.cosines import cosine_basis
from friendlyfire.bases.random import random_basis
from friendlyfire.measures.fractions import norm_fractions
from friendlyfire.records.errors import ConfigError

SHAPE, D = (3, 4, 4), 48


@pytest.fixture
def affine():
    return nn.Sequential(nn.Flatten(), nn.Linear(D, 2)).eval().requires_grad_(False)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_fgsm_of_an_affine_classifier_is_the_sign_of_its_normal(affine, batch_size):
    images = torch.rand(10, *SHAPE)
    labels = torch.arange(10) % 2
    normal = (affine[1].weight[1] - affine[1].weight[0]).reshape(SHAPE)
    expected = torch.where(labels[:, None, None, None] == 0, normal.sign(), -normal.sign())
    torch.testing.assert_close(fgsm(affine, images, labels, epsilon=0.3, batch_size=batch_size), 0.3 * expected)


@pytest.mark.parametrize("gap", [1, 10, 20, 30])
def test_fgsm_follows_the_gradient_however_sure_the_network_is(gap):
    """A float32 cross-entropy loses the gradient of the label's own logit from a gap of 17 on."""
    weights = torch.randn(3, D)
    network = nn.Sequential(nn.Flatten(), nn.Linear(D, 3)).eval().requires_grad_(False)
    network[1].weight.copy_(weights)
    network[1].bias.copy_(torch.tensor([gap, 0.0, 0.0]) - weights @ torch.full((D,), 0.5))
    images = torch.full((1, *SHAPE), 0.5)
    shares = torch.softmax(torch.tensor([gap, 0.0, 0.0], dtype=torch.float64), 0)
    exact = shares[1] * (weights[1] - weights[0]) + shares[2] * (weights[2] - weights[0])
    torch.testing.assert_close(fgsm(network, images, epsilon=0.3).flatten(), 0.3 * exact.sign().float())


def test_saliency_of_an_affine_classifier_is_its_weight(affine):
    images = torch.rand(10, *SHAPE)
    labels = affine(images).argmax(1)
    torch.testing.assert_close(saliency(affine, images).flatten(1), -affine[1].weight[labels])


def test_fgsm_lowers_the_accuracy_of_a_trained_network(trained, digits):
    images, labels = digits["test"][0].float() / 255, digits["test"][1]
    fooled = images + fgsm(trained(), images, labels, epsilon=0.15)
    accuracy = [(trained()(x).argmax(1) == labels).float().mean() for x in (images, fooled)]
    assert accuracy[1] < accuracy[0] - 0.3


@pytest.mark.parametrize(("norm", "radius"), [("l2", 1.2), ("linf", 0.25)])
def test_a_universal_perturbation_stays_in_its_ball_and_fools_others(trained, digits, norm, radius):
    train, test = (digits[split][0][:150].float() / 255 for split in ("train", "test"))
    found = universal(
        trained(),
        train,
        test,
        radius=radius,
        norm=norm,
        max_passes=3,
        generator=torch.Generator().manual_seed(0),
    )
    size = found.perturbation.norm() if norm == "l2" else found.perturbation.abs().max()
    assert size <= radius * (1 + 1e-6)
    assert 1 <= len(found.rates) <= 3
    assert found.rates[-1] > 0.2


def published(network, images, held_out, radius, norm, rate, max_passes, generator, **options):
    """The published algorithm, image by image: the perturbation, its held-out rates, and its attacks that failed."""
    clean, clean_held_out = network(images).argmax(1), network(held_out).argmax(1)
    v, rates, failed = torch.zeros_like(images[0]), [], 0
    for _ in range(max_passes):
        for i in torch.randperm(len(images), generator=generator):
            if network(images[i : i + 1] + v).argmax() == clean[i]:
                attack = deepfool(network, images[i : i + 1] + v, **options)
                failed += int(not attack.converged)
                if attack.converged:
                    v = project_onto_ball(v + attack.overshot[0], radius, norm)
        rates.append((network(held_out + v).argmax(1) != clean_held_out).double().mean().item())
        if (network(images + v).argmax(1) != clean).double().mean() >= rate:
            break
    return v, rates, failed


@pytest.mark.parametrize(
    ("norm", "radius", "options"),
    [("l2", 1.5, {}), ("linf", 0.25, {}), ("l2", 1.5, {"max_iterations": 1})],
    ids=["l2", "linf", "attacks that fail"],
)
def test_perturbations_in_step_are_those_of_the_published_algorithm(trained, digits, norm, radius, options):
    network = copy.deepcopy(trained()).double()  # so that rounding does not depend on the batch
    images = digits["train"][0][:150].double() / 255
    samples, held_out = images[:100].split([48, 20, 31, 1]), images[100:]

    def settings():
        generators = [torch.Generator().manual_seed(k) for k in range(len(samples))]
        return {"radius": radius, "norm": norm, "rate": 0.55, "max_passes": 3, **options}, generators

    shared, generators = settings()
    expected = [
        published(network, own, held_out, generator=generator, **shared)
        for own, generator in zip(samples, generators, strict=True)
    ]
    assert len({len(rates) for _, rates, _ in expected}) > 1  # some need more passes than others
    assert any(failed for *_, failed in expected) == bool(options)
    shared, generators = settings()
    found = universal_in_step(network, samples, held_out, generators=generators, **shared)
    for one, (v, rates, _) in zip(found, expected, strict=True):
        torch.testing.assert_close(one.perturbation, v, rtol=0, atol=1e-5)
        assert one.rates == rates


def test_images_that_are_fooled_already_are_passed_in_blocks(affine):
    """Once a perturbation fools all images of an affine classifier, the rest of its pass takes few calls."""
    with torch.no_grad():
        affine[1].bias[:] = torch.tensor([0.0, 50.0])  # all images are of one class
    images, calls = torch.rand(256, *SHAPE), 0

    def network(batch):
        nonlocal calls
        calls += 1
        return affine(batch)

    options = {"radius": 1e6, "overshoot": 1.0, "rate": 1.0, "generator": torch.Generator()}
    found = universal(network, images, images, batch_size=256, **options)
    assert found.rates == [1.0]
    assert calls < 40


def test_a_point_inside_its_ball_stays_where_it_is():
    v = torch.randn(*SHAPE)
    v = v / v.norm()
    torch.testing.assert_close(project_onto_ball(v, 2.0, "l2"), v)
    torch.testing.assert_close(project_onto_ball(3 * v, 2.0, "l2"), 2 * v)
    torch.testing.assert_close(project_onto_ball(v, 1.0, "linf"), v)


def test_another_norm_is_refused(affine):
    images = torch.rand(2, *SHAPE)
    with pytest.raises(ValueError, match="norm='l1': choose l2 or linf"):
        universal(affine, images, images, radius=1, norm="l1", generator=torch.Generator())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates": 1}, "candidates=1: the predicted class and at least one other"),
        ({"basis": torch.eye(2)}, "basis"),
    ],
)
def test_all_options_of_deepfool_reach_it(affine, options, message):
    images = torch.rand(2, *SHAPE)
    with pytest.raises(ValueError, match=message):
        universal(affine, images, images, radius=1, generator=torch.Generator(), **options)


@pytest.mark.parametrize("k", [0, 1, 17, D])
def test_fractions_of_complementary_subspaces_have_squares_that_add_to_one(k):
    rng = np.random.default_rng(0)
    perturbations, basis = rng.standard_normal((20, D)) * 1e-4, random_basis(D, D, 0)
    inside = norm_fractions(perturbations, basis, [k])
    outside = norm_fractions(perturbations, basis[:, k:] if k < D else basis[:, :0], [D - k])
    np.testing.assert_allclose(inside**2 + outside**2, 1)


def test_fractions_of_planted_perturbations():
    basis = random_basis(D, D, 0)
    perturbations = np.stack([5 * basis[:, 0], 3 * basis[:, 1] + 4 * basis[:, 6]])
    expected = [[0, 1, 1, 1], [0, 0, 0.6, 1]]
    np.testing.assert_allclose(norm_fractions(perturbations, basis, [0, 1, 3, D]), expected, atol=1e-12)


def test_a_perturbation_that_is_zero_is_refused():
    with pytest.raises(ValueError, match="1 of 2 perturbations are zero"):
        norm_fractions(np.stack([np.ones(D), np.zeros(D)]), random_basis(D, D, 0), [1])


@pytest.mark.parametrize("count", [1, 7, 64, 70])
def test_a_few_cosines_are_the_first_of_all(count):
    np.testing.assert_array_equal(cosine_basis((3, 5, 7), count), cosine_basis((3, 5, 7))[:, :count])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 6)])
def test_cosines_are_orthonormal_and_begin_with_the_flat_images(shape):
    basis = cosine_basis(shape)
    d = int(np.prod(shape))
    np.testing.assert_allclose(basis.T @ basis, np.eye(d), atol=1e-10)
    for k in range(shape[0]):
        image = basis[:, k].reshape(shape)
        assert np.ptp(image[k]) < 1e-10
        assert abs(image[k]).min() > 0.1
    roughness = np.abs(np.diff(basis.T.reshape(d, *shape), axis=3)).sum((1, 2, 3))
    assert roughness[-1] > 3 * roughness[shape[0]]


@pytest.mark.parametrize(
    ("name", "options", "epsilon"), [("L2FastGradientAttack", {}, 0.1), ("L2PGD", {"rel_stepsize": 0.1}, 0.1)]
)
def test_attacks_of_foolbox_leave_an_affine_classifier_along_its_normal(affine, name, options, epsilon):
    images = 0.25 + torch.rand(10, *SHAPE) / 2  # far enough from 0 and 1 to avoid clipping
    labels = affine(images).argmax(1)
    normal = (affine[1].weight[1] - affine[1].weight[0]) * (1 - 2 * labels[:, None].float())
    found = foolbox_perturbations(affine, images, name, seed=0, epsilon=epsilon, batch_size=4, **options)
    cosines = torch.cosine_similarity(found.flatten(1), normal)
    assert (cosines > 0.9).all()
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.full((10,), epsilon))
    again = foolbox_perturbations(affine, images, name, seed=0, epsilon=epsilon, batch_size=4, **options)
    torch.testing.assert_close(found, again, rtol=0, atol=0)


def test_options_that_an_attack_of_foolbox_does_not_take_are_told(affine):
    with pytest.raises(ConfigError, match=r"perturbations\.foolbox\.L2PGD: .*unexpected keyword argument 'step'"):
        foolbox_perturbations(affine, torch.rand(2, *SHAPE), "L2PGD", seed=0, step=3)
