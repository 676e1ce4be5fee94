"""Score curves of networks with a known form: straight, even, monotonic, additively separable or not."""

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.measures.curves import additive_and_interaction, curve_form, scores_along, separability

SHAPE, D = (1, 5, 5), 25
RNG = np.random.default_rng(0)
STEPS = torch.linspace(-3, 3, 31)


@pytest.fixture
def direction():
    d = torch.randn(*SHAPE)
    return d / d.norm()


class Ridge(nn.Module):
    """F_1 = g(x . d - 0.6) + h . x, additively separable for any g; with a product, not."""

    def __init__(self, direction, g, product=False):
        super().__init__()
        self.d, self.g, self.product = direction.flatten(), g, product
        h = torch.randn(D)
        self.h = h - (h @ self.d) * self.d

    def forward(self, images):
        x = images.flatten(1)
        a, b = self.g(x @ self.d - 0.6), x @ self.h
        score = a * b if self.product else a + b
        return torch.stack([torch.zeros_like(score), score], 1)


@pytest.mark.parametrize("batch_size", [1, 64, 1000])
@pytest.mark.parametrize("anchored", [False, True])
def test_a_linear_network_has_straight_curves_and_is_separable(direction, batch_size, anchored):
    network, images = nn.Sequential(nn.Flatten(), nn.Linear(D, 3)).eval(), torch.rand(9, *SHAPE)
    scores = scores_along(network, images, direction, STEPS, anchored=anchored, batch_size=batch_size)
    assert scores.shape == (9, 31, 3)
    slope = network[1].weight.detach() @ direction.flatten()
    np.testing.assert_allclose(np.diff(scores, axis=1), np.broadcast_to(0.2 * slope, (9, 30, 3)), atol=1e-5)
    for c in range(3):
        assert additive_and_interaction(scores[:, :, c]) == pytest.approx((1, 0), abs=1e-6)


def test_moving_by_nothing_is_the_plain_score(direction, trained, digits):
    images = digits["test"][0][:6].float() / 255
    d = torch.randn(1, 8, 8)
    scores = scores_along(trained(), images, d / d.norm(), torch.zeros(1))
    np.testing.assert_allclose(scores[:, 0], trained()(images).double(), atol=1e-5)


def test_anchored_images_share_their_component(direction):
    seen = []

    def network(images):
        seen.append(images.flatten(1) @ direction.flatten())
        return images.flatten(1)

    scores_along(network, torch.rand(7, *SHAPE), direction, STEPS, anchored=True)
    for components in torch.cat(seen).reshape(7, 31):
        torch.testing.assert_close(components, STEPS, atol=1e-5, rtol=0)


@pytest.mark.parametrize("g", [torch.square, torch.abs])
def test_even_curves_are_symmetric_about_their_centre(direction, g):
    curves = scores_along(Ridge(direction, g), torch.zeros(5, *SHAPE), direction, STEPS)[:, :, 1]
    form = curve_form(curves, STEPS.numpy(), RNG)
    assert form.centre == pytest.approx(0.6, abs=1e-6)
    assert (form.symmetry > 0.999).all()
    np.testing.assert_allclose(form.monotonicity, 1, atol=1e-4)


def test_odd_curves_are_monotonic_and_not_symmetric(direction):
    curves = scores_along(Ridge(direction, torch.tanh), torch.zeros(5, *SHAPE), direction, STEPS)[:, :, 1]
    form = curve_form(curves, STEPS.numpy(), RNG)
    assert (form.symmetry < 0.3).all()
    np.testing.assert_allclose(form.monotonicity, 1, atol=1e-4)


def test_a_curve_that_goes_up_and_down_is_symmetric_but_not_monotonic():
    form = curve_form(np.sin(2 * np.pi * np.linspace(-1, 1, 33))[None].repeat(3, 0), np.linspace(-1, 1, 33), RNG)
    assert (form.symmetry > 0.99).all()
    assert (form.monotonicity < 0.6).all()


def test_noise_is_as_symmetric_and_monotonic_as_its_floor():
    form = curve_form(RNG.standard_normal((2000, 31)), STEPS.numpy(), RNG)
    assert form.symmetry_floor > 0.5
    assert form.symmetry.mean() == pytest.approx(form.symmetry_floor, abs=0.01)
    assert form.monotonicity.mean() == pytest.approx(form.monotonicity_floor, abs=0.01)


def test_a_curve_above_its_floor_is_far_above_it(direction):
    curves = scores_along(Ridge(direction, torch.square), torch.zeros(5, *SHAPE), direction, STEPS)[:, :, 1]
    form = curve_form(curves, STEPS.numpy(), RNG)
    assert form.symmetry.mean() > form.symmetry_floor + 0.3
    assert form.monotonicity.mean() > form.monotonicity_floor + 0.5


def test_curves_that_move_by_rounding_alone_have_no_form():
    still = 20 + 1e-6 * RNG.standard_normal((9, 31))
    form = curve_form(still, STEPS.numpy(), RNG)
    assert len(form.symmetry) == len(form.monotonicity) == 0
    assert np.isnan([form.centre, form.symmetry_floor, form.monotonicity_floor]).all()
    parts = separability(still)
    assert np.isnan([parts.additive, parts.interaction, *parts.additive_interval]).all()
    moving = np.vstack([still, STEPS.numpy() ** 2, STEPS.numpy() ** 4])
    assert len(curve_form(moving, STEPS.numpy(), RNG).symmetry) == 2


@pytest.mark.parametrize("product", [False, True])
def test_separability_tells_sums_from_products(direction, product):
    images = torch.rand(40, *SHAPE)
    scores = scores_along(Ridge(direction, torch.square, product), images, direction, STEPS, anchored=True)[:, :, 1]
    found = separability(scores)
    if product:
        assert found.additive < 0.95
        assert found.interaction > 0.1
        for value, (low, high) in (
            (found.additive, found.additive_interval),
            (found.interaction, found.interaction_interval),
        ):
            assert 0 < low < value < high < 1
    else:
        assert (found.additive, found.interaction) == pytest.approx((1, 0), abs=1e-6)


@pytest.mark.parametrize("shape", [(40, 31), (12, 9)])
def test_a_grid_of_noise_is_as_separable_as_its_floor(shape):
    found = [separability(RNG.standard_normal(shape)) for _ in range(100)]
    assert np.mean([one.additive for one in found]) == pytest.approx(found[0].additive_floor, abs=0.01)
    assert np.mean([one.interaction for one in found]) == pytest.approx(1 - 1 / shape[0], abs=0.02)
