"""Are classification and vulnerability one? Accuracy against the attack's share, basis by basis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Means(NamedTuple):
    """The line of one basis: means over images, at each rank."""

    accuracy: np.ndarray  #: (..., r) in [0, 1]
    fraction: np.ndarray  #: (..., r) mean fraction of the attack's norm inside, in [0, 1], ascending


@dataclass(frozen=True)
class Curve:
    """What one basis does to each image, along its ranks above 0."""

    correct: np.ndarray  #: (n, r) bool, whether the projection of each measured image is classified correctly
    fractions: np.ndarray  #: (m, r), fraction of the norm of each held-out perturbation inside, in [0, 1]

    def means(self) -> Means:
        """Means (r,) over the images."""
        return Means(self.correct.mean(0), self.fractions.mean(0))


def resampled_means(rows: np.ndarray, rng: np.random.Generator, draws: int, at_once: int = 200) -> np.ndarray:
    """Means (draws, columns) of as many rows as there are, drawn with replacement.

    Args:
        rows: (n, columns); all columns of a row are drawn together.
        rng: of the draws.
        draws: how many samples.
        at_once: draws whose weights (at_once, n) are held at a time.

    Cost:
        2 draws n columns operations: the draws are counted, and the counts multiplied with the rows.
    """
    n = len(rows)
    rows = rows.astype(np.float32 if rows.dtype == bool else np.float64)  # counts below 2^24 are exact in float32
    means = np.empty((draws, rows.shape[1]))
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        drawn = rng.integers(n, size=(count, n)) + n * np.arange(count)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n)
        means[start : start + count] = weights.astype(rows.dtype) @ rows
    return means / n


def resampled_lines(curves: Mapping[str, Curve], seeds: tuple[int, int], draws: int = 2000) -> dict[str, Means]:
    """The lines (draws, r) that other images might have given, by the paired bootstrap.

    Accuracies and fractions are those of two disjoint samples, and each is resampled for itself. All ranks of all
    bases are measured on the same images, so one draw of images serves them all.

    Args:
        curves: by basis; rows are the same images in all of them.
        seeds: of the draws of measured images, and of held-out ones.
        draws: resamples.

    Source: B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993, chapters 8 and 13.
    """
    ends = np.cumsum([curve.correct.shape[1] for curve in curves.values()])[:-1]
    samples = (np.hstack([getattr(curve, name) for curve in curves.values()]) for name in ("correct", "fractions"))
    accuracy, fraction = (
        np.split(resampled_means(rows, np.random.default_rng(seed), draws), ends, axis=1)
        for rows, seed in zip(samples, seeds, strict=True)
    )
    return {basis: Means(*line) for basis, line in zip(curves, zip(accuracy, fraction, strict=True), strict=True)}


def difference(line: Means, reference: Means, points: int = 201) -> np.ndarray:
    """Differences (..., points) of accuracy at equal fraction, NaN where the lines share no fraction.

    Args:
        line: of a basis.
        reference: of the basis that it is compared with, with as many draws.
        points: fractions, evenly spaced over those that both lines reach.
    """
    low = np.maximum(line.fraction[..., :1], reference.fraction[..., :1])
    high = np.minimum(line.fraction[..., -1:], reference.fraction[..., -1:])
    at = np.where(low <= high, low + np.linspace(0, 1, points) * (high - low), np.nan)
    return interpolate(at, line) - interpolate(at, reference)


def interpolate(at: np.ndarray, line: Means) -> np.ndarray:
    """Accuracy of each line at its own fractions (..., points)."""
    parts = (array.reshape(-1, array.shape[-1]) for array in (at, line.fraction, line.accuracy))
    return np.stack([np.interp(*part) for part in zip(*parts, strict=True)]).reshape(at.shape)


@dataclass(frozen=True)
class Comparison:
    """How far the line of one basis lies from another: differences of accuracy at equal fraction, in [-1, 1].

    If vulnerability and accuracy are one, all bases lie on one line and both numbers are 0.
    """

    gap: float  #: mean difference; positive if the basis classifies with less of the attack inside
    gap_interval: tuple[float, float]
    distance: float  #: mean absolute difference
    distance_interval: tuple[float, float]


def compare(curve: Curve, reference: Curve, drawn: Means, drawn_reference: Means) -> Comparison:
    """Compare two bases, with 95 % intervals by the paired bootstrap.

    An absolute value is never below 0, so the percentiles of the distance exclude 0 even where the lines are equal. Its
    interval begins at 0 where the simultaneous 95 % band of the difference includes 0 at every fraction.

    Args:
        curve: of the basis.
        reference: of the basis that it is compared with; rows are the same images.
        drawn: line of the basis in each draw of :func:`resampled_lines`.
        drawn_reference: likewise of the reference.
    """
    measured = difference(curve.means(), reference.means())
    draws = difference(drawn, drawn_reference)
    low, high = np.quantile(np.abs(draws).mean(-1), [0.025, 0.975])
    deviations = draws.std(0)
    scaled = np.abs(draws - measured) / np.where(deviations > 0, deviations, 1)
    if (np.abs(measured) <= np.quantile(scaled.max(-1), 0.95) * deviations).all():
        low = 0.0
    return Comparison(
        float(measured.mean()),
        tuple(map(float, np.quantile(draws.mean(-1), [0.025, 0.975]))),
        float(np.abs(measured).mean()),
        (float(low), float(high)),
    )
