"""Gaps between curves that are known: none, constant, and none but for noise."""

import numpy as np
import pytest

from friendlyfire.coupling import Curve, curve_gap, gap_interval

FRACTION = np.linspace(0, 1, 11)


def curve(accuracy, fraction=FRACTION, images=10000):
    return Curve(np.asarray(fraction), np.full(len(fraction), 1e-3), np.asarray(accuracy), images)


def test_a_curve_lies_on_itself_whatever_its_ranks():
    other = curve(FRACTION[::2] ** 1, FRACTION[::2])
    assert curve_gap(curve(FRACTION), other) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_a_constant_gap_is_found_with_its_sign(shift):
    assert curve_gap(curve(0.5 + shift + 0 * FRACTION), curve(0.5 + 0 * FRACTION)) == pytest.approx((shift, 0.2))


def test_curves_are_compared_where_both_are():
    short = curve([0.3, 0.5], [0.3, 0.5])
    assert curve_gap(short, curve(FRACTION)) == pytest.approx((0, 0), abs=1e-12)


def test_the_interval_holds_the_gap_and_leaves_zero_out_when_there_is_one():
    rng = np.random.default_rng(0)
    (low, high), (absolute_low, absolute_high) = gap_interval(
        curve(0.6 + 0 * FRACTION), curve(0.5 + 0 * FRACTION), rng, 300
    )
    assert 0.08 < low < 0.1 < high < 0.12
    assert 0.08 < absolute_low < 0.1 < absolute_high < 0.12
    (low, high), _ = gap_interval(curve(FRACTION), curve(FRACTION), rng, 300)
    assert low < 0 < high
