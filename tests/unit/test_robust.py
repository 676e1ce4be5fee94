"""Attacks stay in their ball and are exact on linear networks; robust training is seeded; a collapse is told."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from conftest import TRAINING
from engine.sections import network_section
from friendlyfire.declarations import declared
from friendlyfire.networks.collapse import collapse, in_words
from friendlyfire.networks.network import build_network, cross_entropies
from friendlyfire.networks.robust import loss_of
from friendlyfire.networks.robust.balls import norms, random_in_ball, steepest, within
from friendlyfire.networks.robust.cure import curvature_penalty
from friendlyfire.networks.robust.noise import noise_loss
from friendlyfire.networks.robust.pgd import evaluating, margins, pgd
from friendlyfire.networks.robustness import AttackTest, withstands
from friendlyfire.networks.training import train

DEFAULTS = {
    name: {key: option["default"] for key, option in kind["options"].items()}
    for name, kind in declared("robust").items()
}
BALLS = [("l2", 0.8), ("linf", 0.1)]


@pytest.fixture
def linear():
    """A linear classifier of two classes, images, their labels and signed margins."""
    generator = torch.Generator().manual_seed(3)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 2)).requires_grad_(False).eval()
    images = torch.rand(500, 1, 6, 6, generator=generator)
    logits = network(images)
    labels = torch.where(torch.rand(500, generator=generator) < 0.9, logits.argmax(1), 1 - logits.argmax(1))
    signed = logits.gather(1, labels[:, None]) - logits.gather(1, 1 - labels[:, None])
    return network, images, labels, signed.squeeze(1)


@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
def test_the_accuracy_under_attack_of_a_linear_network_is_exact(linear, norm, dual):
    network, images, labels, signed = linear
    distances = signed / torch.linalg.vector_norm(network[1].weight[0] - network[1].weight[1], dual)
    middle = distances.sort().values[225:275]
    widest = middle.diff().argmax()
    for radius in (middle[widest] * (1 + 1e-5), middle[widest + 1] * (1 - 1e-5)):
        found = withstands(network, images, labels, norm=norm, radius=float(radius), bounds=None)
        np.testing.assert_array_equal(found.numpy(), (distances > radius).numpy())


@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
def test_an_attack_on_a_linear_network_raises_the_margin_by_the_dual_norm(linear, norm, dual):
    network, images, labels, _ = linear
    found = pgd(network, images, labels, norm=norm, radius=0.3, steps=20, objective=margins, bounds=None)
    raised = margins(network(images + found), labels) - margins(network(images), labels)
    slope = torch.linalg.vector_norm(network[1].weight[0] - network[1].weight[1], dual)
    torch.testing.assert_close(raised, (0.3 * slope).expand(500), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("norm", "radius"), BALLS)
@pytest.mark.parametrize("best", [margins, None])
def test_an_attack_stays_in_its_ball_and_among_images(trained, digits, norm, radius, best):
    images, labels = digits["test"][0][:50].float() / 255, digits["test"][1][:50]
    found = pgd(
        trained(),
        images,
        labels,
        norm=norm,
        radius=radius,
        steps=5,
        best=best,
        generator=torch.Generator().manual_seed(0),
    )
    assert norms(found, norm).max() <= radius * (1 + 1e-6)
    assert (images + found).min() >= 0
    assert (images + found).max() <= 1
    assert norms(found, norm).max() > 0.9 * radius


def test_a_confined_attack_stays_in_its_subspace(trained, digits):
    images, labels = digits["test"][0][:20].float() / 255, digits["test"][1][:20]
    basis = torch.linalg.qr(torch.randn(64, 5, generator=torch.Generator().manual_seed(0))).Q
    found = pgd(trained(), images, labels, norm="l2", radius=2.0, steps=5, bounds=None, basis=basis).flatten(1)
    torch.testing.assert_close(found @ basis @ basis.T, found, rtol=0, atol=1e-5)


@pytest.mark.parametrize("objective", [margins, cross_entropies])
def test_the_best_of_an_attack_is_no_worse_than_its_last(trained, digits, objective):
    images, labels = digits["test"][0][:100].float() / 255, digits["test"][1][:100]
    options = {"norm": "l2", "radius": 0.5, "steps": 4, "step_size": 0.5, "objective": objective}
    attack = partial(pgd, trained(), images, labels, **options)
    best, last = (margins(trained()(images + attack(best=best)), labels) for best in (margins, None))
    assert (best >= last - 1e-6).all()
    assert (best > last + 1e-3).any()


@pytest.mark.parametrize("restarts", [1, 3])
def test_more_attacks_never_leave_more_images(trained, digits, restarts):
    images, labels = digits["test"][0][:100].float() / 255, digits["test"][1][:100]
    few, more = (
        withstands(trained(), images, labels, norm="l2", radius=0.4, steps=5, restarts=count)
        for count in (restarts, restarts + 1)
    )
    assert not (more & ~few).any()


def test_none_may_be_left(linear):
    network, images, labels, _ = linear
    found = withstands(network, images, labels, norm="linf", radius=10.0, restarts=3, bounds=None)
    assert not found.any()


def test_an_unknown_norm_is_refused(linear):
    network, images, labels, _ = linear
    with pytest.raises(ValueError, match="norm='l1': choose from l2, linf"):
        withstands(network, images, labels, norm="l1", radius=1.0)


@pytest.mark.parametrize(("norm", "radius"), BALLS)
def test_random_starts_fill_the_ball(norm, radius):
    images = torch.zeros(2000, 1, 2, 1)
    found = norms(random_in_ball(images, norm, radius, torch.Generator().manual_seed(0)), norm).flatten() / radius
    assert found.max() <= 1
    # In two dimensions, half the volume lies within the radius sqrt(1/2) of either ball.
    assert (found < 0.5**0.5).double().mean() == pytest.approx(0.5, abs=0.04)


def test_steps_are_steepest_and_tiny_gradients_are_followed():
    gradients = torch.tensor([[[[3.0, -4.0]]], [[[3e-30, -4e-30]]], [[[0.0, 0.0]]]])
    torch.testing.assert_close(
        steepest(gradients, "l2"), torch.tensor([[[[0.6, -0.8]]], [[[0.6, -0.8]]], [[[0.0, 0.0]]]])
    )
    torch.testing.assert_close(within(gradients[:1], "l2", 2.5), gradients[:1] / 2)


def test_the_penalty_is_exact_on_a_quadratic():
    generator = torch.Generator().manual_seed(0)
    hessian = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    hessian, slope = hessian + hessian.T, torch.randn(12, generator=generator, dtype=torch.float64)
    images = torch.rand(5, 1, 3, 4, generator=generator, dtype=torch.float64)

    def losses(x):
        x = x.flatten(1)
        return 0.5 * ((x @ hessian) * x).sum(1) + x @ slope

    direction = (images.flatten(1) @ hessian + slope).sign() / 12**0.5
    expected = (1.5 * direction @ hessian).square().sum(1)
    torch.testing.assert_close(curvature_penalty(losses, images, 1.5), expected, rtol=1e-10, atol=0)


def test_noise_has_its_deviation():
    seen = []

    def network(images):
        seen.append(images)
        return torch.zeros(len(images), 2)

    clean = torch.full((100, 1, 10, 10), 0.5)
    noise_loss(network, clean, torch.zeros(100, dtype=torch.long), torch.Generator().manual_seed(0), deviation=0.2)
    assert float((seen[0] - clean).std()) == pytest.approx(0.2, rel=0.02)
    assert float((seen[0] - clean).mean()) == pytest.approx(0, abs=0.005)


@pytest.mark.parametrize("training", [True, False])
def test_an_attack_leaves_statistics_and_modes_as_they_are(training):
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2)).train(training)
    network[0].train(not training)
    modes = [module.training for module in network.modules()]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with evaluating(network):
        assert not any(module.training for module in network.modules())
    pgd(network, torch.rand(8, 1, 2, 2), torch.zeros(8, dtype=torch.long), norm="l2", radius=1.0, steps=2)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("kind", declared("robust"))
def test_robust_training_is_seeded_and_resumes(digits, kind):
    settings = {**TRAINING, "epochs": 2, "robust": kind, kind: DEFAULTS[kind], "width": 0.3}
    few = tuple(tensor[:300] for tensor in digits["train"])

    def run(**options):
        torch.manual_seed(1)
        network = build_network(settings, np.zeros((1, 8, 8)), 0.3, 10)
        return list(train(network, few, digits["test"], settings, seed=4, objective=loss_of(settings), **options))

    first, second = run(), run()
    rest = run(state=first[0][1], done=1)
    for other in (second, rest):
        assert other[-1][0] == first[-1][0]
        assert all(torch.equal(value, other[-1][1][name]) for name, value in first[-1][1].items())


def test_training_on_attacks_makes_robust(digits, trained):
    settings = {**TRAINING, "epochs": 6, "robust": "pgd", "pgd": {**DEFAULTS["pgd"], "radius": 0.8, "steps": 3}}
    torch.manual_seed(0)
    pixels = digits["train"][0].numpy() / 255
    network = build_network(settings, pixels.mean(0), float(np.std(pixels - pixels.mean(0))), 10)
    *_, (epoch, _) = train(network, digits["train"], digits["test"], settings, 0, objective=loss_of(settings))
    section = {**settings, "robustness": {"norm": None, "radius": None, "images": 100, "steps": 10, "restarts": 1}}
    test = AttackTest(*digits["test"], section, seed=0)
    assert test.ball == {"norm": "l2", "radius": 0.8}
    assert test.accuracy(network) > test.accuracy(trained()) + 0.1
    assert epoch.test_accuracy > 0.9


def test_foolbox_agrees(digits, trained):
    pytest.importorskip("foolbox", reason="Foolbox is optional")
    section = {"robustness": {"norm": "l2", "radius": 0.4, "images": 100, "steps": 20, "restarts": 2}}
    row = AttackTest(*digits["test"], section, seed=0).row(trained())
    assert row["robust_ci_low"] < row["robust_accuracy"] < row["robust_ci_high"]
    assert 0 <= row["foolbox_accuracy"] - row["robust_accuracy"] < 0.1


def test_a_collapse_is_told():
    assert collapse([0.2, 0.5, 0.6, 0.4, 0.1, 0.0]) == 5
    assert collapse([0.0, 0.2, 0.5, 0.3]) is None
    assert collapse([0.014, 0.0, 0.2]) is None  # at first, a few images of some hundred
    assert "collapsed in epoch 5, from 60.0% to 10.0%" in in_words([0.2, 0.5, 0.6, 0.4, 0.1])
    assert in_words([0.5, 0.6]) == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, set()),
        ({"robust": "cure"}, {"robust", "cure", "robustness"}),
        ({"robustness": {"radius": 0.5}}, {"robustness"}),
    ],
)
def test_what_is_off_has_no_part_in_results(given, kept):
    from configurations import SHIPPED

    config = {**SHIPPED, "experiments": {"mine": {"dataset": "digits", "networks": given}}}
    assert set(network_section(config, "mine")) & {"robust", "robustness", *declared("robust")} == kept
