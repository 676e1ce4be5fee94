"""Seeds with different names differ; Wilson intervals agree with SciPy's."""

import numpy as np
import pytest
from scipy.stats import binomtest, t

from friendlyfire.records.intervals import FEWEST, jackknife_interval, mean_interval, wilson_interval
from friendlyfire.records.seeds import derive_seed


def test_seeds_depend_on_every_name_and_on_nothing_else():
    names = [(), ("a",), ("b",), ("a", "b"), ("ab",), ("a", 1), ("a", 2)]
    seeds = {derive_seed(seed, *name) for seed in (0, 1) for name in names}
    assert len(seeds) == 2 * len(names)
    assert derive_seed(3, "x") == derive_seed(3, "x")
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (1, 1), (37, 360), (9876, 10000)])
def test_wilson_intervals_are_scipys(k, n):
    exact = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson_interval(k, n) == pytest.approx((exact.low, exact.high), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_a_proportion_of_nothing_is_refused(k, n):
    with pytest.raises(ValueError, match=f"not {k} of {n}"):
        wilson_interval(k, n)


def test_the_interval_of_a_mean_is_students_and_stays_within_its_bounds():
    values = np.random.default_rng(0).normal(0.9, 0.3, (25, 2))
    expected = t.interval(0.95, 24, values.mean(0), values.std(0, ddof=1) / 5)
    np.testing.assert_allclose(mean_interval(values), expected)
    _, high = mean_interval(values, bounds=(0, 0.95))
    assert (high <= 0.95).all()


@pytest.mark.parametrize("n", [2, FEWEST - 1])
def test_too_few_values_have_no_interval(n):
    assert np.isnan(mean_interval(np.arange(2.0 * n).reshape(n, 2), bounds=(0, 1))).all()
    assert np.isnan(jackknife_interval(0.5, np.full(n, 0.4))).all()


@pytest.mark.parametrize("values", [[0.2, 0.4], [0.9, 0.999]])
def test_the_jackknife_of_a_mean_is_students_interval_on_the_logit_scale(values):
    rng = np.random.default_rng(0)
    sample = rng.uniform(*values, 50)
    without = (sample.sum() - sample) / 49
    low, high = jackknife_interval(sample.mean(), without)
    assert 0 < low < sample.mean() < high < 1
    # If the logit is nearly linear, it equals the interval of the mean.
    plain = np.subtract(*mean_interval(sample)[::-1])
    assert high - low == pytest.approx(plain, rel=0.05)


def test_an_estimate_without_doubt_has_no_interval():
    assert np.isnan(jackknife_interval(1.0, np.ones(20))).all()
