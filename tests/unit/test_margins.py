"""Margins in blocks of directions, and on and off a plane, against an affine classifier, where they are exact."""

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.statuses import Status
from friendlyfire.bases.basis import Basis
from friendlyfire.bases.cosines import cosine_basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.datasets.roles import draw_roles
from friendlyfire.measures.manifold import SIDES, manifold, rank_of_variance, split_space
from friendlyfire.measures.margins import margins, median_margin, sliding_blocks
from friendlyfire.networks.network import Network
from friendlyfire.records.errors import BasisError
from friendlyfire.records.intervals import median_interval
from friendlyfire.records.stores import create_store, open_store

SHAPE, D, CLASSES, N = (1, 6, 6), 36, 4, 30
OPTIONS = {"overshoot": 0.02, "max_iterations": 50, "candidates": 10}


@pytest.fixture
def network():
    torch.manual_seed(9)  # no image of the data set lies near a boundary, where float32 loses the margin's digits
    body = nn.Sequential(nn.Flatten(), nn.Linear(D, CLASSES))
    return Network(body, torch.zeros(SHAPE), torch.tensor(1.0)).eval().requires_grad_(False)


@pytest.fixture
def dataset(tmp_path):
    rng, roles = np.random.default_rng(0), draw_roles({"dataset": "d", "held_out": 4}, {"train": 20, "test": N})
    record = {"class_names": list("abcd"), "roles": roles}
    with create_store(tmp_path / "d.zarr.zip", "dataset", record) as store:
        for split, n in (("train", 20), ("test", N)):
            store.array(f"{split}/images", rng.integers(0, 256, (n, *SHAPE), np.uint8))
            store.array(f"{split}/labels", np.arange(n) % CLASSES)
            store.array(f"{split}/indices", np.arange(n))
        store.array("mean", rng.random(SHAPE))
        store.array("deviation", np.float64(1))
    with open_store(tmp_path / "d.zarr.zip", "dataset") as store:
        yield Dataset(store)


def exact(network, dataset, basis):
    """Least |f| / ||S'w|| (n,) of the measured images over the other classes, in float64."""
    images = torch.from_numpy(dataset.part("measured").images()).double() / 255
    layer = network.body[1].double()
    scores, basis = layer(images.flatten(1)), torch.from_numpy(basis)
    own = scores.argmax(1)
    normals = (layer.weight[None] - layer.weight[own][:, None]) @ basis
    found = (scores.gather(1, own[:, None]) - scores) / normals.norm(dim=2)
    network.float()
    return found.nan_to_num(torch.inf).min(1).values.numpy()


@pytest.mark.parametrize(("width", "blocks"), [(5, 9), (0.25, 4), (D, 3), (1, 100)])
def test_margins_in_blocks_are_exact_on_an_affine_classifier(network, dataset, width, blocks):
    vectors = cosine_basis(SHAPE)
    found = margins(network, dataset, Basis(vectors, np.ones(D)), images=N, width=width, blocks=blocks, options=OPTIONS)
    ranges = found.arrays["blocks"]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == D
    expected = np.stack([exact(network, dataset, vectors[:, first:beyond]) for first, beyond in ranges])
    np.testing.assert_allclose(found.arrays["norms"], expected, rtol=1e-5)
    table = found.tables["margins"]
    np.testing.assert_allclose(table["margin"], np.median(expected, axis=1), rtol=1e-5)
    assert ((table["margin_ci_low"] <= table["margin"]) & (table["margin"] <= table["margin_ci_high"])).all()
    assert (table["success"] == 1).all()


def test_an_attack_in_blocks_is_the_attacks_one_by_one(trained, digits):
    images, basis = digits["test"][0][:8].float() / 255, torch.from_numpy(cosine_basis((1, 8, 8))).float()
    ranges = [(0, 8), (4, 30), (50, 64)]
    together = deepfool(trained(), images, basis=basis, blocks=ranges, max_iterations=10)
    for place, (first, beyond) in enumerate(ranges):
        rows = slice(8 * place, 8 * place + 8)
        alone = deepfool(trained(), images, basis=basis[:, first:beyond], max_iterations=10)
        assert torch.equal(together.statuses[rows], alone.statuses)
        done = alone.converged
        torch.testing.assert_close(together.perturbations[rows][done], alone.perturbations[done], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("blocks", "basis", "message"),
    [
        ([(0, 2)], None, "blocks without a basis"),
        ([], 5, "blocks is empty"),
        ([(0, 2), (0, 6)], 5, r"block \(0, 6\) is empty or not within the 5 columns"),
        ([(2, 2)], 5, r"block \(2, 2\) is empty"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(network, blocks, basis, message):
    basis = None if basis is None else torch.eye(D)[:, :basis]
    with pytest.raises(ValueError, match=message):
        deepfool(network, torch.rand(3, *SHAPE), basis=basis, blocks=blocks)


def test_a_median_counts_failures_as_large():
    norms = np.r_[np.arange(1.0, 13), np.nan, np.nan, np.nan]
    row = median_margin(norms)
    assert (row["margin"], row["fooled"], row["images"]) == (8, 12, 15)
    assert np.isnan(median_margin(np.r_[np.ones(5), np.full(10, np.nan)])["margin"])
    assert sliding_blocks(10, 4, 3) == [(0, 4), (3, 7), (6, 10)]


def test_the_interval_of_a_median_covers_it():
    rng = np.random.default_rng(0)
    ends = np.array([median_interval(rng.standard_exponential(25)) for _ in range(2000)])
    covered = ((ends[:, 0] <= np.log(2)) & (np.log(2) <= ends[:, 1])).mean()
    assert 0.95 <= covered <= 0.98  # 0.957 of two order statistics of 25
    assert np.isnan(median_interval(np.ones(9))).all()


def plane(rank):
    """A basis whose first columns hold all but little of the variance."""
    vectors = np.linalg.qr(np.random.default_rng(1).standard_normal((D, D)))[0]
    return Basis(vectors[:, : D - 2], np.r_[np.full(rank, 10.0), np.full(D - 2 - rank, 0.1)])


@pytest.mark.parametrize("rank", [5, 18, 30])
def test_margins_on_and_off_a_plane_are_exact_on_an_affine_classifier(network, dataset, rank):
    basis = plane(rank)
    found = manifold(network, dataset, basis, lambda *names: 0, images=N, variances=[0.99], options=OPTIONS)
    vectors, sides = split_space(basis.vectors, rank, np.random.default_rng(0))
    np.testing.assert_array_equal(found.tables["manifold"]["rank"], rank)
    equal = min(rank, D - rank)
    assert found.tables["manifold"]["dimension"].tolist() == [rank, D - rank, equal, equal]
    for side, (first, beyond) in zip(SIDES, sides, strict=True):
        expected = exact(network, dataset, vectors[:, first:beyond])
        np.testing.assert_allclose(found.arrays[side][0], expected, rtol=1e-5)


@pytest.mark.parametrize("rank", [1, 18, 35])
def test_a_space_is_split_into_a_plane_and_all_that_is_perpendicular(rank):
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((D, D)))[0]
    vectors, ((_, on), (_, off), *_) = split_space(basis, rank, np.random.default_rng(2))
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(D), atol=1e-12)
    np.testing.assert_allclose(vectors[:, :on] @ vectors[:, :on].T, basis[:, :rank] @ basis[:, :rank].T, atol=1e-12)
    assert (on, off) == (rank, D)


def test_an_attack_that_a_plane_forbids_fails_there(network, dataset):
    """The gradients lie in the plane, so its complement has no attack."""
    span = np.linalg.qr(network.body[1].weight.double().numpy().T, mode="complete")[0]
    basis = Basis(span, np.r_[np.full(CLASSES, 10.0), np.full(D - CLASSES, 0.01)])
    found = manifold(network, dataset, basis, lambda *names: 0, images=N, variances=[0.99], options=OPTIONS)
    success = found.tables["manifold"].set_index("side")["success"]
    assert success["on"] == 1
    assert success["off"] == 0
    assert (deepfool(network, torch.rand(3, *SHAPE), basis=span[:, CLASSES:]).statuses == Status.ZERO_GRADIENT).all()


def test_a_plane_that_fills_the_space_is_refused():
    assert rank_of_variance(np.array([3.0, 4.0, 0.0]), 0.3) == 1
    assert rank_of_variance(np.array([3.0, 4.0, 0.0]), 0.5) == 2
    with pytest.raises(BasisError, match="the first 4 columns fill the 4 dimensions"):
        split_space(np.eye(4), 4, np.random.default_rng(0))
