"""Score curves of networks whose form is known: straight, even, monotonic, additively separable or not."""

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.scores import additive_share, additive_share_interval, curve_form, scores_along

SHAPE, D = (1, 5, 5), 25
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
        assert additive_share(scores[:, :, c]) == pytest.approx(1)


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


@pytest.mark.parametrize(("g", "even"), [(torch.square, True), (torch.abs, True), (torch.tanh, False)])
def test_even_curves_are_symmetric_and_odd_ones_are_not(direction, g, even):
    images = torch.zeros(5, *SHAPE)
    curves = scores_along(Ridge(direction, g), images, direction, STEPS)[:, :, 1]
    form = curve_form(curves, STEPS.numpy())
    assert form.centre == pytest.approx(0.6 if even else form.centre, abs=1e-6)
    assert (form.symmetry > 0.999).all() if even else (form.symmetry < 0.3).all()
    np.testing.assert_allclose(form.monotonicity, 1, atol=1e-4)


def test_a_curve_that_goes_up_and_down_is_not_monotonic(direction):
    curves = np.sin(8 * STEPS.numpy())[None].repeat(3, 0)
    assert (curve_form(curves, STEPS.numpy()).monotonicity < 0.4).all()


@pytest.mark.parametrize("product", [False, True])
def test_separability_tells_sums_from_products(direction, product):
    images = torch.rand(40, *SHAPE)
    scores = scores_along(Ridge(direction, torch.square, product), images, direction, STEPS, anchored=True)[:, :, 1]
    share = additive_share(scores)
    assert share < 0.95 if product else share == pytest.approx(1)
    low, high = additive_share_interval(scores, np.random.default_rng(0), 200)
    assert low <= share + 1e-9
    assert share <= high + 1e-9 or product


def test_a_grid_that_does_not_vary_is_separable():
    assert additive_share(np.ones((4, 5))) == 1
    form = curve_form(np.ones((4, 9)), np.linspace(-1, 1, 9))
    assert (form.symmetry == 1).all()
    assert (form.monotonicity == 1).all()
