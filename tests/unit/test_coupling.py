"""Gaps between known lines: none, constant, and only noise; and checks of the images behind them."""

from contextlib import ExitStack

import numpy as np
import pytest

from friendlyfire.measures.coupling import (
    Curve,
    Means,
    compare,
    correlations,
    difference,
    read_curves,
    resampled_lines,
    resampled_means,
)
from friendlyfire.records.errors import ProvenanceError
from friendlyfire.records.stores import create_store, open_store

FRACTION = np.linspace(0, 1, 11)


def line(accuracy, fraction=FRACTION):
    return Means(np.asarray(accuracy), np.asarray(fraction))


def sampled(accuracy, fraction=FRACTION, images=4000, seed=0):
    """A curve of independent images with these means."""
    rng = np.random.default_rng(seed)
    fractions = np.clip(fraction + 0.05 * rng.standard_normal((500, 1)), 0, 1)
    return Curve(rng.random((images, len(fraction))) < np.asarray(accuracy), fractions)


def compared(curve, reference, draws=500):
    lines = resampled_lines({"one": curve, "other": reference}, (0, 1), draws)
    return compare(curve, reference, lines["one"], lines["other"])


def test_a_line_lies_on_itself_whatever_its_ranks():
    np.testing.assert_allclose(difference(line(FRACTION), line(FRACTION[::2], FRACTION[::2])), 0, atol=1e-12)


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_a_constant_gap_is_found_with_its_sign(shift):
    np.testing.assert_allclose(difference(line(0.5 + shift + 0 * FRACTION), line(0.5 + 0 * FRACTION)), shift)


def test_lines_are_compared_where_both_are():
    short = line([0.3, 0.5], [0.3, 0.5])
    np.testing.assert_allclose(difference(short, line(FRACTION)), 0, atol=1e-12)
    assert np.isnan(difference(line([0.3, 0.5], [1.3, 1.5]), line(FRACTION))).all()


def test_intervals_hold_a_gap_and_leave_zero_out_when_there_is_one():
    apart = compared(sampled(0.6 + 0 * FRACTION), sampled(0.5 + 0 * FRACTION, seed=1))
    for low, high in (apart.gap_interval, apart.distance_interval):
        assert 0.08 < low < 0.1 < high < 0.12
    equal = compared(sampled(0.5 + 0 * FRACTION), sampled(0.5 + 0 * FRACTION, seed=1))
    assert equal.gap_interval[0] < 0 < equal.gap_interval[1]
    assert equal.distance_interval[0] == 0 < equal.distance < equal.distance_interval[1]


def test_bases_share_their_images_so_that_equal_ones_never_differ():
    curve = sampled(FRACTION, images=50)
    found = compared(curve, curve)
    assert (found.gap, found.gap_interval, found.distance_interval) == (0, (0, 0), (0, 0))


def test_resampled_means_are_those_of_rows_drawn_together():
    rng = np.random.default_rng(0)
    rows = rng.random((40, 1)) + np.array([0.0, 5.0])
    means = resampled_means(rows, np.random.default_rng(1), 3000)
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 5)
    assert means[:, 0].mean() == pytest.approx(rows[:, 0].mean(), abs=0.01)
    assert means[:, 0].std() == pytest.approx(rows[:, 0].std() / 40**0.5, rel=0.05)


@pytest.fixture
def stores(tmp_path):
    """A function that writes and opens the stores of a basis: 20 measured images, 6 perturbations, ranks 0, 2, 4."""

    def write(basis, first=0, ranks=(0, 2, 4), experiment="mine"):
        correct = np.random.default_rng(first).random((20, len(ranks))) < 0.5
        paths = [tmp_path / f"{kind}-{basis}.zarr.zip" for kind in ("accuracy", "fractions")]
        with create_store(paths[0], "accuracy", {"experiment": experiment, "basis": basis}) as store:
            store.array("ranks", np.array(ranks))
            store.array("measured/correct", np.packbits(correct.T, axis=1))
            store.array("measured/indices", first + np.arange(20))
        with create_store(paths[1], "fractions", {"experiment": experiment, "basis": basis}) as store:
            store.array("ranks", np.array([0, 2, 4]))
            store.array("deepfool/fractions", np.tile(np.float32([0, 0.5, 1]), (6, 1)))
            store.array("deepfool/indices", np.arange(6))
        return (*(stack.enter_context(open_store(path, None)) for path in paths), correct)

    with ExitStack() as stack:
        yield write


def test_curves_are_read_as_they_were_kept(stores):
    correct, inside, bits = stores("pca")
    curve = read_curves([correct], [inside], "deepfool")["mine"]["pca"]
    np.testing.assert_array_equal(curve.correct, bits[:, 1:])
    np.testing.assert_array_equal(curve.fractions, np.tile([0.5, 1], (6, 1)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"first": 5}, "has other images than the other bases; recreate them with"),
        ({"ranks": (0, 2, 3)}, "do not have the same basis and ranks; recreate them with"),
    ],
)
def test_bases_of_other_images_or_ranks_are_told(stores, other, message):
    (one, inside, _), (another, beside, _) = stores("pca"), stores("dct", **other)
    with pytest.raises(ProvenanceError, match=message):
        read_curves([one, another], [inside, beside], "deepfool")


def test_correlations_are_over_all_ranks_and_at_each():
    import pandas as pd

    table = pd.DataFrame(
        [
            {
                "experiment": "mine",
                "seed": 0,
                "attack": "fgsm",
                "basis": basis,
                "directions_per_class": d,
                "fraction": f,
                "accuracy": a,
            }
            for basis, shift in zip("abcd", (0, 1, 2, 3), strict=True)
            for d, f, a in ((1, shift, shift), (2, 10 + shift, -shift))
        ]
    )
    found = correlations(table)
    assert found["directions_per_class"].tolist()[1:] == [1, 2]
    assert np.isnan(found["directions_per_class"][0])
    assert found["points"].tolist() == [8, 4, 4]
    np.testing.assert_allclose(found["spearman"][1:], [1, -1])
    assert -1 < found["spearman"][0] < 0
