"""95 % intervals contain the truth about as often as stated, in simulations with a known truth."""

import numpy as np
import pytest
from benchmarks.coverage import CORRELATIONS, beta, couplings, forms, lognormal, means, proportions


def held_often_enough(held):
    coverage = np.mean(list(held), axis=0)
    # 95 %, within three standard errors of the count and the error of the approximation.
    assert (coverage >= 0.9).all()
    assert (coverage <= 0.99).all()


@pytest.mark.parametrize("between", CORRELATIONS)
def test_gaps_between_bases_that_share_their_images(between):
    held_often_enough(couplings(True, between, 200, np.random.default_rng(0), draws=400))


def test_the_form_of_curves():
    held_often_enough(forms(150, np.random.default_rng(0)))


@pytest.mark.parametrize("n", [200, 2000])
def test_proportions(n):
    held_often_enough(proportions(n, 0.9, 2000, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("draw", "truth", "options"), [(lognormal, np.exp(0.125), {}), (beta, 0.8, {"bounds": (0, 1)})]
)
def test_means_of_norms_and_fractions(draw, truth, options):
    held_often_enough(means(draw, 100, truth, 1000, np.random.default_rng(0), **options))
