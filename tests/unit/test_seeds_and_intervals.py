"""Seeds of different names differ; Wilson intervals agree with SciPy's."""

import pytest
from scipy.stats import binomtest

from friendlyfire.intervals import wilson_interval
from friendlyfire.seeds import derive_seed


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
