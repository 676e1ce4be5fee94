"""Directions of one network on another: exact on linear networks with planted subspaces; the matrices of the figure."""

from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from friendlyfire.attacks.statuses import Status
from friendlyfire.datasets.images import Dataset
from friendlyfire.datasets.roles import draw_roles
from friendlyfire.figures.transfer import groups_of, matrices
from friendlyfire.figures.transfer import transfer as shown
from friendlyfire.measures.transfer import ESTIMATES, needed_rank, transfer
from friendlyfire.networks.network import Network
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.stores import create_store, open_store

RNG = np.random.default_rng(0)
SHAPE, D, CLASSES, RANK, MEASURED, ATTACKED = (1, 6, 6), 36, 4, 5, 60, 30
AXES = np.linalg.qr(RNG.standard_normal((D, D)))[0]
#: The network sees images along the first directions only; the bases rotate them.
SEEN, UNSEEN = AXES[:, :RANK], AXES[:, RANK:]


@pytest.fixture
def store(tmp_path):
    """A function that writes a store and opens it until the test ends."""
    with ExitStack() as stack:

        def written(name, arrays, **record):
            path = tmp_path / f"{name}.zarr.zip"
            with create_store(path, "x", {"experiment": "one", "attack": "deepfool", **record}) as target:
                for key, array in arrays.items():
                    target.array(key, array)
            return stack.enter_context(open_store(path, None))

        yield written


def network():
    """A network whose logits depend on what it sees alone, with its preprocessing."""
    layer = nn.Linear(D, CLASSES)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(RNG.standard_normal((CLASSES, RANK)) @ SEEN.T))
        layer.bias.zero_()
    return Network(nn.Sequential(nn.Flatten(), layer), torch.zeros(1), torch.ones(1)).eval()


def images_of(store, classifier):
    """A data set that the network classifies without a fault."""
    roles = draw_roles({"dataset": "d", "held_out": ATTACKED}, {"train": 2 * ATTACKED, "test": MEASURED})
    arrays = {"mean": np.full(SHAPE, 0.5), "deviation": np.float64(1)}
    for split, n in (("train", 2 * ATTACKED), ("test", MEASURED)):
        images = RNG.integers(0, 256, (n, *SHAPE), np.uint8)
        with torch.no_grad():
            labels = classifier(torch.from_numpy(images).float() / 255).argmax(1).numpy()
        arrays |= {f"{split}/images": images, f"{split}/labels": labels, f"{split}/indices": np.arange(n)}
    return Dataset(store("dataset", arrays, class_names=list("abcd"), roles=roles))


def line(store, levels=(0, 0.5, 1, 1)):
    """Accuracy of another network on its basis: of 10 images, at ranks 0, 2, 7 and 20."""
    correct = np.arange(10) < 10 * np.array(levels)[:, None]
    arrays = {"ranks": [0, 2, 7, 20], "measured/correct": np.packbits(correct, axis=1), "measured/whole": [True] * 10}
    return store("line", {key: np.array(array) for key, array in arrays.items()})


def attacks(store, count=ATTACKED):
    """Perturbations of held-out images along what the network sees, and of others."""
    held_out, number = np.arange(2 * ATTACKED) < count, 2 * ATTACKED
    return store(
        "attacks",
        {
            "perturbations": (RNG.standard_normal((number, RANK)) @ SEEN.T).astype(np.float32),
            "statuses": np.full(number, Status.CONVERGED),
            "norms": np.ones(number),
            "held_out": held_out,
            "indices": np.arange(number),
        },
    )


@pytest.mark.parametrize(
    ("theirs", "accuracy", "fraction", "overlap"),
    [(np.hstack([SEEN, UNSEEN]), 1, 1, 1), (np.hstack([UNSEEN, SEEN]), None, 0, 0)],
)
def test_shared_directions_classify_and_hold_the_attacks_and_others_do_not(store, theirs, accuracy, fraction, overlap):
    classifier = network()
    dataset = images_of(store, classifier)
    turned = SEEN @ np.linalg.qr(RNG.standard_normal((RANK, RANK)))[0]
    ours = [store("own", {"vectors": np.hstack([turned, UNSEEN])}), attacks(store)]
    found = transfer(classifier, dataset, ours, [store("their", {"vectors": theirs}), line(store)], images=1000)
    (row,) = found.tables["transfer"].itertuples()
    # 9 of 10 images at rank 6, between 5 at 2 and 10 at 7; so many directions hold the network's five, or none.
    assert row.rank == 6
    assert (row.images, row.perturbations) == (MEASURED, ATTACKED)
    if accuracy is None:  # only the mean image is left
        with torch.no_grad():
            alike = classifier(torch.full((1, *SHAPE), 0.5)).argmax(1).item()
        accuracy = (dataset.part("measured").labels() == alike).mean()
    assert row.accuracy == pytest.approx(accuracy, abs=1.5 / MEASURED)
    assert row.accuracy_ci_low <= row.accuracy <= row.accuracy_ci_high
    assert row.own_accuracy == pytest.approx(1, abs=1.5 / MEASURED)
    assert row.full_accuracy == 1
    assert row.fraction == pytest.approx(fraction, abs=1e-6)
    assert row.overlap == pytest.approx((5 * overlap + (overlap or 1) * 1) / 6, abs=1e-9)
    assert row.chance == pytest.approx(6 / D)
    assert found.arrays["theirs"].mean() == row.accuracy
    assert found.arrays["attacked"].tolist() == list(range(ATTACKED))


@pytest.mark.parametrize(
    ("levels", "rank"), [((0, 0.5, 1, 1), 6), ((0, 1, 1, 1), 2), ((0, 0.1, 0.9, 1), 7), ((0, 0.2, 0.4, 0.8), None)]
)
def test_the_rank_is_the_first_that_keeps_the_level(store, levels, rank):
    assert needed_rank(line(store, levels)) == rank


def test_a_network_that_never_keeps_the_level_has_no_estimates(store):
    classifier = network()
    bases = [store(name, {"vectors": AXES}) for name in ("own", "their")]
    ours, theirs = [bases[0], attacks(store)], [bases[1], line(store, (0, 0.2, 0.4, 0.8))]
    found = transfer(classifier, images_of(store, classifier), ours, theirs, images=20)
    assert found.record["rank"] is None
    assert found.tables["transfer"][list(ESTIMATES)].isna().all(axis=None)


def test_too_few_perturbations_are_refused(store):
    classifier = network()
    bases = [store(name, {"vectors": AXES}) for name in ("own", "their")]
    with pytest.raises(NetworkError, match="deepfool has 1 usable perturbations of 1 held-out images of one"):
        ours, theirs = [bases[0], attacks(store, 1)], [bases[1], line(store)]
        transfer(classifier, images_of(store, classifier), ours, theirs, images=20)


def pairs():
    """Rows of two repetitions and their twin, and of a network with images of another shape."""
    alike, rows = [("one", 0), ("one", 1), ("twin", 0)], []
    for group in (alike, [("other", 0)]):
        for experiment, seed in group:
            for other, number in group:
                theirs = other if number == 0 else f"{other}@{number}"
                row = {"experiment": experiment, "seed": seed, "theirs": theirs, "role": "measured", "images": 100}
                rows.append(
                    {**row, "accuracy": 0.8, "full_accuracy": 0.9, "fraction": 0.7, "overlap": 0.6, "chance": 0.1}
                )
    return pd.DataFrame(rows)


def test_networks_with_images_of_one_shape_share_their_matrices():
    found = shown(pairs().assign(accuracy=lambda rows: np.where(rows["theirs"] == "twin", np.nan, 0.8)))
    numbers = found.tables["numbers"]
    assert found.words["images"].startswith("one: 100 measured images")
    np.testing.assert_allclose(numbers["kept"].dropna(), 0.8 / 0.9)
    assert [
        len(group) for group in groups_of(numbers.assign(ours=numbers["experiment"] + numbers["seed"].map(str)))
    ] == [9, 1]
    figure = matrices(numbers)
    assert len(figure.axes) == 6
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["89", "89", "none"] * 3
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["one", "one@1", "twin"]
    assert figure.axes[2].texts[0].get_text() == "0.60\n(0.10)"
