"""Are classification and vulnerability one? Accuracy against the attack's share, basis by basis."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Curve:
    """Accuracy of the projected images against the fraction of the attack's norm inside, along the ranks of a basis."""

    fraction: np.ndarray  #: (r,) mean fraction inside, in [0, 1], ascending
    fraction_error: np.ndarray  #: (r,) its standard error
    accuracy: np.ndarray  #: (r,) in [0, 1]
    images: int  #: that the accuracies are of

    def drawn_again(self, rng: np.random.Generator) -> "Curve":
        """The curve that another sample might have given: binomial accuracies, normal fractions."""
        fraction = np.maximum.accumulate(rng.normal(self.fraction, self.fraction_error))
        return Curve(fraction, self.fraction_error, rng.binomial(self.images, self.accuracy) / self.images, self.images)


def curve_gap(curve: Curve, reference: Curve, points: int = 201) -> tuple[float, float]:
    """How far one curve lies from another: mean difference and mean absolute difference of accuracy at equal fraction.

    If vulnerability and accuracy are one, all bases lie on one curve and both are 0. A positive difference means more
    accuracy for the same share of the attack.

    Args:
        curve: of a basis.
        reference: of the basis that it is held against.
        points: fractions, evenly spaced over those that both curves reach, at which they are compared.
    """
    low = max(curve.fraction[0], reference.fraction[0])
    high = min(curve.fraction[-1], reference.fraction[-1])
    at = np.linspace(low, high, points)
    difference = np.interp(at, curve.fraction, curve.accuracy) - np.interp(at, reference.fraction, reference.accuracy)
    return float(difference.mean()), float(np.abs(difference).mean())


def gap_interval(
    curve: Curve, reference: Curve, rng: np.random.Generator, draws: int = 1000
) -> tuple[tuple[float, float], tuple[float, float]]:
    """95 % intervals of both numbers of :func:`curve_gap`, by the parametric bootstrap.

    Source: B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993, chapter 6.
    """
    gaps = np.array([curve_gap(curve.drawn_again(rng), reference.drawn_again(rng)) for _ in range(draws)])
    (low, absolute_low), (high, absolute_high) = np.quantile(gaps, [0.025, 0.975], axis=0)
    return (float(low), float(high)), (float(absolute_low), float(absolute_high))
