"""Bases of gradients: exact on linear networks, found where they are planted, equal by all routes."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import friendlyfire.bases.gradients as gradients
from friendlyfire.bases.basis import subspace_overlap
from friendlyfire.networks.network import draw_network, load_network, save_network
from friendlyfire.records.errors import BasisError

SHAPE, D, CLASSES = (1, 6, 6), 36, 5


def linear(weights):
    """A network with these logits (c, d) of an image."""
    layer = nn.Linear(weights.shape[1], len(weights))
    with torch.no_grad():
        layer.weight.copy_(weights)
    return nn.Sequential(nn.Flatten(), layer).requires_grad_(False).eval()


def images(n):
    return torch.rand(n, *SHAPE)


@pytest.fixture(params=["Gram matrix", "subspace iteration"])
def route(request, monkeypatch):
    if request.param == "subspace iteration":
        monkeypatch.setattr(gradients, "LARGEST_GRAM", 10)
    monkeypatch.setattr(gradients, "CHUNK_BYTES", 4 * D * 12)  # two images at a time
    return request.param


@pytest.mark.parametrize("n", [3, 40])
def test_of_a_linear_network_they_are_the_singular_vectors_of_its_matrix(route, n):
    weights = torch.randn(CLASSES, D) * torch.tensor([[5.0], [4], [3], [2], [1]])
    basis = gradients.jacobian_basis(linear(weights), images(n), D, D, seed=0)
    exact = np.linalg.svd(weights.numpy().astype(np.float64), full_matrices=False)
    assert basis.vectors.shape == (D, CLASSES)
    np.testing.assert_allclose(basis.scores, exact.S, rtol=1e-5)
    np.testing.assert_allclose(np.abs((basis.vectors * exact.Vh.T).sum(0)), 1, atol=1e-5)
    np.testing.assert_allclose(basis.vectors.T @ basis.vectors, np.eye(CLASSES), atol=1e-10)


def test_jacobians_are_those_of_autograd(trained, digits):
    network, pixels = trained(), digits["test"][0][:7].float() / 255
    found = gradients.logit_jacobians(network, pixels, batch_size=3)
    exact = torch.autograd.functional.jacobian(lambda x: network(x).sum(0), pixels)  # (c, n, ...)
    torch.testing.assert_close(found, exact.transpose(0, 1).flatten(2), rtol=1e-4, atol=1e-5)


def test_directions_are_those_of_all_jacobians_stacked(trained, digits, route, monkeypatch):
    network, pixels = trained(), digits["train"][0][:30].float() / 255
    stacked = gradients.logit_jacobians(network, pixels).flatten(0, 1).numpy()
    exact = np.linalg.svd(stacked.astype(np.float64), full_matrices=False)
    basis = gradients.jacobian_basis(network, pixels, 64, 64, seed=0)
    assert subspace_overlap(basis.vectors[:, :8], exact.Vh[:8].T) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(basis.scores[:8], exact.S[:8] / np.sqrt(30), rtol=1e-4)
    few = gradients.jacobian_basis(network, pixels, 64, 8, seed=0)
    assert few.vectors.shape == (64, 8)
    assert subspace_overlap(few.vectors, exact.Vh[:8].T) > 0.99


def test_untrained_networks_show_the_covariance_of_their_weights(route):
    planted = np.linalg.qr(np.random.default_rng(0).standard_normal((D, D)))[0]
    deviations = torch.tensor(np.r_[8, 4, 2, np.full(D - 3, 0.1)], dtype=torch.float32)

    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(CLASSES, D, generator=generator) * deviations
        return linear(drawn @ torch.tensor(planted.T, dtype=torch.float32))

    basis = gradients.untrained_basis(draw, 400, images(2), D, D, seed=0)
    for column in range(3):
        assert abs(basis.vectors[:, column] @ planted[:, column]) > 0.95
    # The root mean square over the networks of a gradient at two images.
    np.testing.assert_allclose(basis.scores[:3], np.sqrt(2) * deviations[:3], rtol=0.15)


def test_untrained_networks_without_a_preference_are_isotropic():
    def draw(seed):
        return linear(torch.randn(CLASSES, D, generator=torch.Generator().manual_seed(seed)))

    basis = gradients.untrained_basis(draw, 1500, images(1), D, D, seed=0)
    assert basis.scores[0] / basis.scores[-1] < 1.5
    same, other = (gradients.untrained_basis(draw, 10, images(1), D, D, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(same.vectors, gradients.untrained_basis(draw, 10, images(1), D, D, seed=0).vectors)
    assert subspace_overlap(same.vectors, other.vectors) < 0.9


def test_networks_are_drawn_like_the_one_of_a_file(trained, digits, tmp_path):
    path, pixels = tmp_path / "network.safetensors", digits["test"][0][:4]
    network, settings = trained(), {"architecture": "lenet", "width": 0.5, "activation": "relu", "pooling": "max"}
    save_network(path, network, {"settings": settings, "shape": (1, 8, 8), "classes": 10}, pixels)
    draw = partial(draw_network, path, load_network(path))
    before = torch.random.get_rng_state()
    one, same, other = draw(0), draw(0), draw(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    logits = [drawn(pixels.float() / 255) for drawn in (one, same, other)]
    assert torch.equal(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2])
    assert torch.equal(one.mean, network.mean)
    assert not one.training


@pytest.mark.parametrize(("weights", "message"), [(torch.zeros(3, D), "span nothing"), (torch.nan, "not finite")])
def test_gradients_without_directions_are_refused(route, weights, message):
    weights = weights if isinstance(weights, torch.Tensor) else torch.full((3, D), weights)
    with pytest.raises(BasisError, match=message):
        gradients.jacobian_basis(linear(weights), images(4), D, D, seed=0)
