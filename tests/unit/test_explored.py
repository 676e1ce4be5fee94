"""What the explorer shows: each value is a direct call of the network, of the projection, or of DeepFool."""

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.statuses import Status
from friendlyfire.bases.basis import Basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.datasets.roles import draw_roles
from friendlyfire.measures.explored import explored_classes, explored_positions, predicted
from friendlyfire.measures.views import ranks_of_views, views
from friendlyfire.measures.walks import walks
from friendlyfire.networks.network import Network
from friendlyfire.records.stores import create_store, open_store

SHAPE, D, CLASSES = (1, 4, 4), 16, 3
RNG = np.random.default_rng(0)
OPTIONS = {"overshoot": 0.02, "max_iterations": 50, "candidates": 10}


@pytest.fixture
def network():
    body = nn.Sequential(nn.Flatten(), nn.Linear(D, 24), nn.ReLU(), nn.Linear(24, CLASSES))
    return Network(body, torch.full(SHAPE, 0.4), torch.tensor(0.25)).eval().requires_grad_(False)


@pytest.fixture
def dataset(tmp_path):
    roles = draw_roles({"dataset": "d", "held_out": 4}, {"train": 30, "test": 12})
    record = {"class_names": ["a", "b", "c"], "roles": roles}
    with create_store(tmp_path / "d.zarr.zip", "dataset", record) as store:
        for split, n in (("train", 30), ("test", 12)):
            store.array(f"{split}/images", RNG.integers(0, 256, (n, *SHAPE), np.uint8))
            store.array(f"{split}/labels", np.arange(n) % CLASSES)
            store.array(f"{split}/indices", 100 + np.arange(n))
        store.array("mean", RNG.random(SHAPE))
        store.array("deviation", np.float64(1))
    with open_store(tmp_path / "d.zarr.zip", "dataset") as store:
        yield Dataset(store)


@pytest.fixture
def vectors():
    """Eigenvectors (d, d) of each class; the eigenvalues are those of :func:`curvature`."""
    return [np.linalg.qr(RNG.standard_normal((D, D)))[0].astype(np.float32) for _ in range(CLASSES)]


@pytest.fixture
def curvature(tmp_path, vectors):
    """A function that stores eigenpairs of every class, as a solver would; the flattest is the second to last."""

    def stored(solver):
        path, values = tmp_path / f"{solver}.zarr.zip", np.r_[np.arange(D - 2, 0, -1), 0.0, -3.0]
        record = {"classes": list(range(CLASSES)), "pixels": D, "settings": {"solver": solver}}
        with create_store(path, "curvature", record) as store:
            for c in range(CLASSES):
                store.array(f"{c}/values", values)
                store.array(f"{c}/kept", np.arange(D))
                store.array(f"{c}/vectors", vectors[c])
        return open_store(path, "curvature")

    return stored


def pixels_of(dataset, indices):
    part = dataset.part("measured")
    places = [part.indices().tolist().index(index) for index in indices]
    return torch.from_numpy(part.images()[places]).float() / 255


def test_the_images_cover_the_classes():
    labels = np.array([0, 0, 0, 2, 1, 2, 0, 1])
    assert explored_positions(labels, [0, 1, 2], 5).tolist() == [0, 1, 4, 7, 3]
    assert explored_positions(labels, [0, 1, 2], 99).tolist() == [0, 1, 2, 6, 4, 7, 3, 5]
    assert explored_positions(labels, [2], 1).tolist() == [3]


@pytest.mark.parametrize(
    ("directed", "limit", "chosen"),
    [([3, 5, 7], 10, [3, 5, 7]), (list(range(100)), 4, [0, 33, 66, 99]), ([4, 6], 1, [4])],
)
def test_the_classes_are_spread_over_those_with_directions(directed, limit, chosen):
    assert explored_classes(directed, limit) == chosen


def test_no_class_is_predicted_from_a_score_that_is_not_finite():
    assert predicted(np.array([[1, 3, 2], [1, np.nan, 2], [np.inf, 0, 0]])).tolist() == [1, -1, -1]


@pytest.fixture
def walked(network, dataset, curvature):
    """A function that walks along the eigenvectors of a solver."""

    def made(solver="dense", **options):
        usual = {"directed": "all", "extent": 0.8, "images": 4, "classes": 3, "steps": 4, "grid": 2}
        with curvature(solver) as store:
            return walks(network, dataset, [store], None, **{**usual, **options})

    return made


def test_scores_on_the_way_are_those_of_the_moved_image(walked, network, dataset, vectors):
    found = walked()
    images, arrays = pixels_of(dataset, found.arrays["indices"]), found.arrays
    mean = torch.from_numpy(dataset.mean).float()
    reach = 0.8 * (images - mean).flatten(1).norm(dim=1).mean().item()
    np.testing.assert_allclose(arrays["steps"], np.linspace(-reach, reach, 9), rtol=1e-5)
    assert found.record["kinds"] == ["positive", "negative", "flat"]
    assert arrays["labels"].tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(arrays["clean"], network(images), rtol=1e-5)
    for c in range(CLASSES):
        for kind, column in enumerate((0, D - 1, D - 2)):
            direction = torch.from_numpy(vectors[c][:, column]).reshape(SHAPE)
            np.testing.assert_array_equal(arrays["directions"][c, kind], direction)
            for place, step in enumerate(arrays["steps"]):
                expected = network(images + step * direction)
                np.testing.assert_allclose(arrays["along"][c, kind, :, place], expected, atol=1e-5)
                np.testing.assert_array_equal(arrays["along_predicted"][c, kind, :, place], expected.argmax(1))


def test_two_directions_at_once_meet_the_walk_along_one(walked, network, dataset):
    arrays = walked().arrays
    images, middle = pixels_of(dataset, arrays["indices"]), 2
    assert arrays["places"].tolist() == [0, 2, 4, 6, 8]
    assert arrays["pairs"].tolist() == [[0, 1], [0, 2], [1, 2]]
    steps = arrays["steps"][arrays["places"]]
    for pair, (first, second) in enumerate(arrays["pairs"]):
        of_class = torch.from_numpy(arrays["directions"][1])
        moved = images + float(steps[1]) * of_class[first] + float(steps[4]) * of_class[second]
        np.testing.assert_allclose(arrays["across"][1, pair, :, 1, 4], network(moved), atol=1e-5)
        alone = arrays["along"][:, :, :, arrays["places"]]
        np.testing.assert_allclose(arrays["across"][:, pair, :, :, middle], alone[:, first], atol=1e-5)
        np.testing.assert_allclose(arrays["across"][:, pair, :, middle], alone[:, second], atol=1e-5)
    np.testing.assert_array_equal(arrays["across_predicted"], arrays["across"].argmax(-1))


def test_lanczos_has_no_flattest_direction(walked):
    found = walked("lanczos", classes=1)
    assert found.record["kinds"] == ["positive", "negative"]
    assert found.arrays["pairs"].tolist() == [[0, 1]]
    assert found.arrays["targets"].tolist() == [0]
    assert found.arrays["labels"].tolist() == [0] * 4


def test_a_view_is_the_projection_its_rest_and_deepfool_inside(network, dataset):
    vectors = np.linalg.qr(RNG.standard_normal((D, 12)))[0]
    basis = Basis(vectors, np.ones(12))
    arrays = views(
        network, dataset, basis, directed="all", images=5, classes=3, ranks=[2, 7, 16], options=OPTIONS
    ).arrays
    assert arrays["ranks"].tolist() == [2, 7, 12]
    images, mean = pixels_of(dataset, arrays["indices"]), torch.from_numpy(dataset.mean).float()
    for place, rank in enumerate(arrays["ranks"]):
        columns = torch.from_numpy(vectors[:, :rank]).float()
        inside = ((images - mean).flatten(1) @ columns @ columns.T).reshape(images.shape)
        np.testing.assert_allclose(arrays["projections"][place], mean + inside, atol=1e-5)
        np.testing.assert_allclose(arrays["rests"][place], images - inside, atol=1e-5)
        for name, shown in (("kept", mean + inside), ("left", images - inside)):
            np.testing.assert_allclose(arrays[name][place], network(shown), atol=1e-4)
            np.testing.assert_array_equal(arrays[f"{name}_predicted"][place], network(shown).argmax(1))
        attack = deepfool(network, images, basis=columns, **OPTIONS)
        np.testing.assert_allclose(arrays["perturbations"][place], attack.overshot, atol=1e-5)
        np.testing.assert_allclose(arrays["norms"][place], attack.overshot.flatten(1).norm(dim=1), atol=1e-5)
        np.testing.assert_array_equal(arrays["statuses"][place], attack.statuses)
        there = arrays["statuses"][place] == Status.CONVERGED
        assert there.any()
        reached = network(images + torch.from_numpy(arrays["perturbations"][place])).argmax(1).numpy()
        np.testing.assert_array_equal(arrays["reached"][place], reached)
        assert (reached != network(images).argmax(1).numpy())[there].all()


def test_every_measure_of_the_explorer_is_about_the_same_images(walked, network, dataset):
    basis = Basis(np.eye(D), np.ones(D))
    arrays = views(network, dataset, basis, directed="all", images=4, classes=3, ranks=2, options=OPTIONS).arrays
    for name in ("indices", "labels"):
        np.testing.assert_array_equal(arrays[name], walked().arrays[name])


@pytest.mark.parametrize(
    ("wanted", "pixels", "largest", "ranks"),
    [
        (5, 64, 64, [4, 8, 16, 32, 64]),
        (5, 64, 20, [4, 8, 16, 20]),
        ([3, 90], 64, 64, [3, 64]),
        (3, 3072, 3072, [28, 292, 3072]),
    ],
)
def test_ranks_have_equal_ratios_and_are_the_same_for_all_bases(wanted, pixels, largest, ranks):
    assert ranks_of_views(wanted, pixels, largest) == ranks
