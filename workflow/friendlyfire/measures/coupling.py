"""Accuracy against the attack's fraction inside, basis by basis: are classification and vulnerability the same?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from friendlyfire.records.errors import ProvenanceError
from friendlyfire.records.stores import Store

#: The basis that the others are compared with: the attack's own directions.
REFERENCE = "deepfool-high"

WAY_OUT = "recreate them with: snakemake --cores all --forcerun measure_accuracy measure_fractions"


class Means(NamedTuple):
    """The line of one basis: means over images, at each rank."""

    accuracy: np.ndarray  #: (..., r) in [0, 1]
    fraction: np.ndarray  #: (..., r) mean fraction of the attack's norm inside, in [0, 1], ascending


@dataclass(frozen=True)
class Curve:
    """Results of one basis per image, along its ranks above 0."""

    correct: np.ndarray  #: (n, r) bool, whether the projection of each measured image is classified correctly
    fractions: np.ndarray  #: (m, r), fraction of the norm of each held-out perturbation inside, in [0, 1]

    def means(self) -> Means:
        """Return the means (r,) over the images."""
        return Means(self.correct.mean(0), self.fractions.mean(0))


def resampled_means(rows: np.ndarray, rng: np.random.Generator, draws: int, at_once: int = 200) -> np.ndarray:
    """Return the means (draws, columns) of bootstrap samples of n rows, drawn with replacement.

    Args:
        rows: (n, columns); all columns of a row are drawn together.
        rng: random generator of the draws.
        draws: number of samples.
        at_once: number of draws whose weights (at_once, n) are in memory at once.

    Cost:
        2 draws n columns operations: the draws are counted, and the counts are multiplied with the rows.
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
    """Return bootstrap samples (draws, r) of the lines, by the paired bootstrap.

    Accuracies and fractions come from two disjoint samples of images, which are resampled independently. All ranks of
    all bases are measured on the same images, so one draw of images applies to all of them.

    Args:
        curves: curves by basis; rows are the same images in all of them.
        seeds: seeds of the draws of measured images and of held-out images.
        draws: number of samples.

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
    """Return the differences (..., points) of accuracy at equal fraction, NaN if the lines have no common fraction.

    Args:
        line: line of a basis.
        reference: line of the reference basis, with as many draws.
        points: number of fractions, evenly spaced over the range that both lines reach.
    """
    low = np.maximum(line.fraction[..., :1], reference.fraction[..., :1])
    high = np.minimum(line.fraction[..., -1:], reference.fraction[..., -1:])
    at = np.where(low <= high, low + np.linspace(0, 1, points) * (high - low), np.nan)
    return interpolate(at, line) - interpolate(at, reference)


def interpolate(at: np.ndarray, line: Means) -> np.ndarray:
    """Interpolate the accuracy of each line at its own fractions (..., points)."""
    parts = (array.reshape(-1, array.shape[-1]) for array in (at, line.fraction, line.accuracy))
    return np.stack([np.interp(*part) for part in zip(*parts, strict=True)]).reshape(at.shape)


@dataclass(frozen=True)
class Comparison:
    """Distance between the lines of two bases: differences of accuracy at equal fraction, in [-1, 1].

    If vulnerability and accuracy are the same, all bases lie on one line and both numbers are 0.
    """

    gap: float  #: mean difference; positive if the basis classifies with less of the attack inside
    gap_interval: tuple[float, float]
    distance: float  #: mean absolute difference
    distance_interval: tuple[float, float]


def compare(curve: Curve, reference: Curve, drawn: Means, drawn_reference: Means) -> Comparison:
    """Compare two bases, with 95 % intervals by the paired bootstrap.

    An absolute value is never below 0, so the percentiles of the distance exclude 0 even for equal lines. The interval
    of the distance starts at 0 if the simultaneous 95 % band of the difference includes 0 at every fraction.

    Args:
        curve: curve of the basis.
        reference: curve of the reference basis; rows are the same images.
        drawn: line of the basis in each draw of :func:`resampled_lines`.
        drawn_reference: line of the reference in each draw.
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


def read_curves(correct: Sequence[Store], inside: Sequence[Store], attack: str) -> dict[str, dict[str, Curve]]:
    """Load the results of each basis of each experiment per image, along its ranks above 0.

    Args:
        correct: stores of the accuracies.
        inside: stores of the norm fractions of the same bases, in the same order.
        attack: the attack whose fractions are loaded.

    Raises:
        ProvenanceError: two bases of an experiment were not measured on the same images.
    """
    curves, images = {}, {}
    for one, other in zip(correct, inside, strict=True):
        experiment, basis = one.record["experiment"], one.record["basis"]
        above = one["ranks"] > 0
        indices = one["measured/indices"], other[f"{attack}/indices"]
        bits = np.unpackbits(one["measured/correct"], axis=1, count=len(indices[0]))
        same = (other.record["experiment"], other.record["basis"]) == (experiment, basis)
        if not same or not np.array_equal(one["ranks"], other["ranks"]):
            raise ProvenanceError(f"{one.path} and {other.path} do not have the same basis and ranks; {WAY_OUT}")
        curves.setdefault(experiment, {})[basis] = Curve(
            bits[above].T.astype(bool), other[f"{attack}/fractions"][:, above].astype(np.float64)
        )
        if not all(map(np.array_equal, images.setdefault(experiment, indices), indices)):
            raise ProvenanceError(f"{one.path} or {other.path} has other images than the other bases; {WAY_OUT}")
    return curves


def distances(curves: Mapping[str, Curve], experiment: str, seed: Callable[..., int]) -> list[dict[str, Any]]:
    """Return the distance of each basis of one experiment from the reference, with its intervals."""
    if REFERENCE not in curves:
        return []
    seeds = tuple(seed(experiment, images) for images in ("measured", "held-out"))
    lines, rows = resampled_lines(curves, seeds), []
    for basis, curve in curves.items():
        if basis == REFERENCE:
            continue
        found = compare(curve, curves[REFERENCE], lines[basis], lines[REFERENCE])
        row = {"experiment": experiment, "basis": basis, "reference": REFERENCE}
        for name in ("gap", "distance"):
            row[name] = getattr(found, name)
            row[f"{name}_ci_low"], row[f"{name}_ci_high"] = getattr(found, f"{name}_interval")
        rows.append({**row, "images": len(curve.correct), "perturbations": len(curve.fractions)})
    return rows


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's rank correlation of accuracy with the fraction of each attack's norm inside.

    It is computed over all bases and ranks together (no ``directions_per_class``), and over the bases at each number of
    directions per class with at least four bases. Noise breaks ties between bases and so lowers the correlation, and
    resampling adds noise again. Bootstrap percentiles therefore covered only 45 to 79 % at 360 images, so there is no
    interval.
    """
    keys = ["experiment", "seed", "attack", "directions_per_class"]
    groups = [((*names, np.nan), part) for names, part in table.groupby(keys[:3], sort=False)]
    rows = []
    for names, part in [*groups, *table.groupby(keys, sort=True)]:
        if part["basis"].nunique() >= 4 and part["accuracy"].nunique() > 1:
            spearman = part[["fraction", "accuracy"]].rank().corr().iloc[0, 1]
            counts = {"bases": part["basis"].nunique(), "points": len(part)}
            rows.append({**dict(zip(keys, names, strict=True)), **counts, "spearman": spearman})
    return pd.DataFrame(rows, columns=[*keys, "bases", "points", "spearman"])
