"""Mean Hessians of quadratic margins with known Hessians, and of a smooth network by three methods."""

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.curvature.hessians import (
    DifferenceHessian,
    ExactHessian,
    OneSidedHessian,
    PooledHessian,
    reference_step,
    smooth_step,
)
from friendlyfire.curvature.quality import Stop
from friendlyfire.curvature.spectra import decompose_dense, decompose_lanczos, subspace_overlap
from friendlyfire.networks.network import Network
from friendlyfire.records.errors import CurvatureError

SHAPE, D = (1, 6, 6), 36
SPECTRUM = np.r_[np.linspace(9, 3, 4), np.zeros(D - 8), np.linspace(-2, -7, 4)]


class Quadratic(nn.Module):
    """Two classes, F_1 - F_0 = x' A x / 2 + b' x, with a known Hessian A."""

    def __init__(self, hessian):
        super().__init__()
        self.hessian, self.slope = hessian, torch.randn(D, dtype=hessian.dtype)
        self.eval()

    def forward(self, images):
        x = images.flatten(1)
        score = ((x @ self.hessian) * x).sum(1) / 2 + x @ self.slope
        return torch.stack([torch.zeros_like(score), score], 1)


@pytest.fixture
def planted():
    """A quadratic margin, its eigenvectors (d, d) and boundary points."""
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.standard_normal((D, D)))[0]
    network = Quadratic(torch.from_numpy(vectors * SPECTRUM @ vectors.T))
    return network, vectors, torch.from_numpy(rng.random((9, *SHAPE)))


def halves_of(kind, network, points, target=1, sources=None, **options):
    sources = torch.full((len(points),), 1 - target) if sources is None else sources
    return tuple(kind(network, points[half::2], target, sources[half::2], **options) for half in (0, 1))


KINDS = [(DifferenceHessian, {"step": 0.5}), (DifferenceHessian, {"step": 1e-3}), (ExactHessian, {})]
KINDS += [(OneSidedHessian, {"step": 0.5})]


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_operators_are_the_planted_matrix(planted, kind, options, batch_size):
    network, vectors, points = planted
    operator = kind(network, points, 1, torch.zeros(9, dtype=torch.long), batch_size=batch_size, **options)
    probes = np.random.default_rng(1).standard_normal((D, 5)) * np.array([1, 1e-3, 10, 1, 0])
    np.testing.assert_allclose(operator @ probes, vectors * SPECTRUM @ vectors.T @ probes, atol=1e-8)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_dense_recovers_values_vectors_and_sign(planted, kind, options):
    network, vectors, points = planted
    pairs = decompose_dense(halves_of(kind, network, points, **options), leading=8)
    np.testing.assert_allclose(pairs.values, SPECTRUM, atol=1e-8)
    assert subspace_overlap(pairs.vectors[:, :4], vectors[:, :4]) == pytest.approx(1)
    assert pairs.quality.asymmetry < 1e-8
    assert pairs.quality.residual < 1e-8
    assert pairs.quality.overlap == pytest.approx(1)
    assert pairs.quality.points == 9
    # The margin grows along the most positive direction, into the target, and falls along the most negative.
    outward = torch.from_numpy(np.stack([pairs.vectors[:, 0], pairs.vectors[:, -1]])).reshape(2, *SHAPE)
    scores = network(100 * outward)
    assert scores.argmax(1).tolist() == [1, 0]


@pytest.mark.parametrize(("solver", "leak"), [("dense", 1e-3), ("lanczos", None)])
def test_directions_that_a_network_removes_are_flat(solver, leak):
    """Differences of large steps are not linear: without the network's own word, they reach into these directions."""
    torch.manual_seed(0)
    removed = torch.linalg.qr(torch.randn(D, 4)).Q
    body = nn.Sequential(nn.Flatten(), nn.Linear(D, 60), nn.ReLU(), nn.Linear(60, 2))
    network = Network(body, torch.full(SHAPE, 0.5), torch.tensor(1.0), removed=removed).eval().requires_grad_(False)

    def inside(**options):
        halves = halves_of(DifferenceHessian, network, points, step=1.0)
        pairs = decompose_dense(halves, **options) if solver == "dense" else decompose_lanczos(halves, 3, 0, **options)
        return np.linalg.norm((removed.numpy().T @ pairs.vectors) * pairs.values) / np.linalg.norm(pairs.values)

    points = torch.rand(9, *SHAPE)
    assert inside(removed=removed.double().numpy()) < 1e-5
    assert leak is None or inside() > leak


def test_a_linear_network_does_not_curve(planted):
    *_, points = planted
    linear = nn.Sequential(nn.Flatten(), nn.Linear(D, 2, dtype=torch.float64)).eval()
    pairs = decompose_dense(halves_of(DifferenceHessian, linear, points, step=0.5), leading=8)
    assert not pairs.values.any()
    assert np.isnan(pairs.quality.overlap)  # no leading directions
    assert pairs.quality.residual == 0


def test_the_other_class_sees_the_opposite_sign(planted):
    network, _, points = planted
    pairs = decompose_dense(halves_of(DifferenceHessian, network, points, target=0, step=0.5))
    np.testing.assert_allclose(pairs.values, -SPECTRUM[::-1], atol=1e-8)


def test_probes_along_any_basis_agree_where_the_operator_is_linear(planted):
    network, _, points = planted
    probes = np.linalg.qr(np.random.default_rng(3).standard_normal((D, D)))[0]
    pairs = decompose_dense(halves_of(DifferenceHessian, network, points, step=0.5), probes)
    np.testing.assert_allclose(pairs.values, SPECTRUM, atol=1e-8)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_lanczos_finds_both_ends(planted, kind, options):
    network, vectors, points = planted
    pairs = decompose_lanczos(halves_of(kind, network, points, **options), 3, seed=0, block=4, tolerance=1e-6)
    np.testing.assert_allclose(pairs.values, SPECTRUM[[0, 1, 2, -3, -2, -1]], atol=1e-5)
    assert pairs.converged.all()
    for column, truth in zip(pairs.vectors.T, vectors.T[[0, 1, 2, -3, -2, -1]], strict=True):
        assert abs(column @ truth) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("block", [2, D])
@pytest.mark.parametrize("spectrum", [[0], [1, 0], [1, 0, -1], [2, 2, 0]], ids=str)
def test_lanczos_goes_on_where_its_krylov_space_ends(spectrum, block):
    values = np.sort(np.pad(spectrum, (0, D - len(spectrum))))[::-1]
    network = Quadratic(torch.diag(torch.from_numpy(values.astype(float))))
    halves = halves_of(DifferenceHessian, network, torch.rand(4, *SHAPE, dtype=torch.float64), step=0.5)
    pairs = decompose_lanczos(halves, 8, seed=0, block=block)
    np.testing.assert_allclose(pairs.values, np.r_[values[:8], values[-8:]], atol=1e-6)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(16), atol=1e-8)
    assert pairs.converged.all()


def test_lanczos_says_what_has_not_converged(planted):
    network, _, points = planted
    pairs = decompose_lanczos(
        halves_of(ExactHessian, network, points), 3, seed=0, block=2, tolerance=1e-12, max_products=8
    )
    assert not pairs.converged.all()
    assert pairs.quality.stopped == Stop.LIMIT
    assert pairs.quality.residual > 1e-12


class Measured:
    """A mean Hessian that is a given matrix."""

    def __init__(self, matrix, points=50):
        self.matrix, self.pixels, self.points, self.num_gradients = matrix, len(matrix), points, 0

    def __matmul__(self, probes):
        self.num_gradients += 2 * self.points * probes.shape[1]
        return self.matrix @ probes


def noisy_halves(deviation, seed):
    """Two noisy measurements of a matrix with a slowly decaying spectrum, and its five leading vectors at each end."""
    rng, d = np.random.default_rng(seed), 200
    vectors = np.linalg.qr(rng.standard_normal((d, d)))[0]
    decay = 1 / np.arange(1, d // 2 + 1)
    truth = vectors * np.r_[decay, -0.8 * decay[::-1]] @ vectors.T
    errors = deviation * rng.standard_normal((2, d, d))
    halves = tuple(Measured(truth + (error + error.T) / 2**0.5) for error in errors)
    return halves, np.hstack([vectors[:, :5], vectors[:, -5:]])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("deviation", "saved"), [(0.02, 0.25), (0.005, 0.05)])
def test_lanczos_stops_where_the_sample_can_tell_no_more(deviation, saved, seed):
    halves, truth = noisy_halves(deviation, seed)
    early, late = (decompose_lanczos(halves, 5, seed=seed, noise=noise) for noise in (0.1, 0))
    assert early.quality.stopped == Stop.NOISE
    assert late.quality.stopped == Stop.TOLERANCE
    assert early.converged.all()
    assert early.quality.products <= (1 - saved) * late.quality.products
    ours, theirs = (subspace_overlap(pairs.vectors, truth) for pairs in (early, late))
    assert ours > theirs - 0.02
    assert early.quality.standard_error > 1e-3  # the tolerance, where there is less noise


def test_lanczos_goes_on_to_its_tolerance_without_noise():
    halves, truth = noisy_halves(0, seed=0)
    pairs = decompose_lanczos(halves, 5, seed=0)
    assert pairs.quality.stopped == Stop.TOLERANCE
    assert pairs.quality.residual <= 1e-3
    assert pairs.quality.standard_error == 0
    assert subspace_overlap(pairs.vectors, truth) > 0.999


def test_the_common_krylov_space_does_not_make_halves_alike():
    halves, _ = noisy_halves(0.02, seed=0)
    pairs, dense = decompose_lanczos(halves, 5, seed=0), decompose_dense(halves, leading=5)
    assert pairs.quality.overlap == pytest.approx(dense.quality.overlap, abs=0.15)


def test_lanczos_does_not_depend_on_chance(planted):
    network, _, points = planted
    first, second = (decompose_lanczos(halves_of(ExactHessian, network, points), 2, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_pooled_is_the_mean_over_all_points(planted):
    network, vectors, points = planted
    pooled = PooledHessian(*halves_of(DifferenceHessian, network, points, step=0.1))
    np.testing.assert_allclose(pooled @ np.eye(D), vectors * SPECTRUM @ vectors.T, atol=1e-8)
    assert pooled.num_gradients == 2 * 9 * D


def test_more_directions_than_dimensions_are_refused(planted):
    network, _, points = planted
    with pytest.raises(CurvatureError, match="19 eigenpairs at each end are too many for 36"):
        decompose_lanczos(halves_of(ExactHessian, network, points), 19, seed=0)


@pytest.mark.parametrize(("kind", "options"), KINDS[2:])
def test_networks_with_kinks_are_refused(trained, digits, kind, options):
    images = digits["test"][0][:4].float() / 255
    with pytest.raises(CurvatureError, match=r"this one has max_pool2d_with_indices, relu; choose networks"):
        kind(trained(), images, 0, torch.ones(4, dtype=torch.long), **options)


class Gated(nn.Module):
    """A network that curves, and whose rectifier is no module."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(D, 2), nn.Linear(D, 2)
        self.eval()

    def forward(self, images):
        x = images.flatten(1)
        return torch.relu(self.one(x)) * torch.sigmoid(self.other(x))


WEIGHT = torch.linspace(-1, 1, 2 * D).reshape(D, 2)


@pytest.mark.parametrize(("kind", "options"), KINDS[2:])
@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Gated(), "this one has relu; choose"),
        (lambda images: torch.relu(images.flatten(1)) @ WEIGHT, "this one has relu; choose"),
        (lambda images: images.flatten(1).clamp(min=0.1) @ WEIGHT, "this one has clamp"),
        (lambda images: nn.functional.max_pool1d(images.flatten(1), 2) @ WEIGHT[::2], "this one has max_pool"),
        (lambda images: images.flatten(1) @ WEIGHT, "vanishes: the network is piecewise linear"),
    ],
)
def test_functions_with_kinks_are_refused(kind, options, network, message):
    with pytest.raises(CurvatureError, match=message):
        kind(network, torch.rand(3, *SHAPE), 1, torch.zeros(3, dtype=torch.long), **options)


def test_all_routes_agree_on_a_smooth_network(trained, digits):
    """Exact, central and one-sided differences, and Lanczos: the same leading subspaces of a smooth LeNet."""
    network = trained(activation="softplus", pooling="average", epochs=30)
    images = digits["train"][0][:60].float() / 255
    attack = deepfool(network, images, torch.full((60,), 3))
    points, sources = (images + attack.perturbations)[attack.converged], attack.sources[attack.converged]
    exact = decompose_dense(halves_of(ExactHessian, network, points, 3, sources))
    dense = decompose_dense(halves_of(DifferenceHessian, network, points, 3, sources, step=0.05))
    one_sided = decompose_dense(halves_of(OneSidedHessian, network, points, 3, sources, step=smooth_step(64)))
    assert one_sided.quality.gradients == len(points) + dense.quality.gradients / 2
    lanczos = decompose_lanczos(
        halves_of(ExactHessian, network, points, 3, sources), 5, seed=0, tolerance=1e-4, noise=0
    )
    assert lanczos.converged.all()
    for ends in (slice(0, 5), slice(-5, None)):
        assert subspace_overlap(exact.vectors[:, ends], dense.vectors[:, ends]) > 0.99
        assert subspace_overlap(exact.vectors[:, ends], one_sided.vectors[:, ends]) > 0.999
        assert subspace_overlap(exact.vectors[:, ends], lanczos.vectors[:, ends]) > 0.99
    np.testing.assert_allclose(dense.values[:5], exact.values[:5], rtol=0.02)
    np.testing.assert_allclose(lanczos.values[:5], exact.values[:5], rtol=1e-3)
    assert exact.quality.asymmetry < 1e-4


@pytest.mark.parametrize(("pixels", "step"), [(784, 0.547), (3072, 1.083)])
def test_reference_step(pixels, step):
    assert reference_step(pixels) == pytest.approx(step, abs=5e-4)


def test_smooth_step_is_that_of_an_image_of_medium_contrast():
    assert smooth_step(784) == pytest.approx(3.45e-4 * 15, rel=1e-2)


def test_overlap_of_random_subspaces_is_k_over_d():
    rng = np.random.default_rng(0)
    first, second = (np.linalg.qr(rng.standard_normal((200, 20)))[0] for _ in range(2))
    assert subspace_overlap(first, first) == pytest.approx(1)
    assert subspace_overlap(first, second) == pytest.approx(0.1, abs=0.02)
