"""Estimates and bounds -> verdicts.

A claim holds where the whole 95 % interval of its estimate lies on the claim's side of the bound, fails where it lies
on the other side, and is undecided otherwise. Where the quality record forbids a verdict, there is a reason instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

#: Verdicts, and what stands for them where there is none.
HOLDS, FAILS, UNDECIDED, UNTRUSTED = "holds", "fails", "undecided", "not to be trusted"

#: Fewest boundary points per class, and smallest overlap of the leading directions between two halves of the sample, at
#: which a claim about curvature is judged. ASSUME: below, the directions are those of the sample.
FEWEST_POINTS, SMALLEST_OVERLAP = 10, 0.1


def undetermined(quality: pd.DataFrame) -> str:
    """Why directions of curvature are not to be trusted: medians over the classes; empty where they are.

    Args:
        quality: the records of the decompositions, class by class.
    """
    points, overlap = quality["points"].median(), quality["overlap"].median()
    if points < FEWEST_POINTS:
        return f"{points:.0f} boundary points per class (median); raise boundary.images"
    if not overlap >= SMALLEST_OVERLAP:
        return f"two halves of the sample overlap by {overlap:.2f}; raise boundary.images"
    return ""


def interval(
    estimate: float, draws: np.ndarray, images: int, least: float = -np.inf, most: float | None = None
) -> tuple[float, float]:
    """Return the 95 % bias-corrected percentile interval of an estimate; infinite where draws are.

    Resampling adds noise, which lowers rank correlations and raises largest absolute values, and sampling did so once
    before: the draws are moved by twice as much as their median lies off the estimate. Where all draws are equal,
    3 / images, at most 1, is added at either end: what was never seen may be that frequent.

    Source: B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993, chapter 10. J. A. Hanley,
    A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249 (1983).

    Args:
        estimate: as measured.
        draws: (b,) of the bootstrap; NaN where a draw has no estimate.
        images: that it is estimated from.
        least: value that an estimate can have; the interval ends there.
        most: the same; None if there is none.

    Returns:
        Lower and upper bound; NaN if there is no estimate, or none for more than a twentieth of the draws.
    """
    if np.isnan(estimate) or np.isnan(draws).mean() > 0.05:
        return np.nan, np.nan
    draws = draws[~np.isnan(draws)]
    if (draws == estimate).all():
        margin = min(3 / images, 1.0)
        low, high = estimate - margin, estimate + margin
    else:
        low, middle, high = np.quantile(draws, [0.025, 0.5, 0.975], method="nearest")
        bias = middle - estimate if np.isfinite(middle) and np.isfinite(estimate) else 0.0
        low, high = min(low - 2 * bias, estimate), max(high - 2 * bias, estimate)
    low, high = np.clip((low, high), least, most)
    return float(low), float(high)


def over_seeds(draws: Sequence[np.ndarray], seed: int) -> tuple[float, np.ndarray]:
    """Average over repetitions, with bootstrap draws of repetitions and of images.

    All repetitions are measured on the same images, so one draw of images serves them all. Deviations between
    repetitions are stretched by sqrt(s / (s - 1)), because s of them, drawn from s, vary less than s new ones.

    Args:
        draws: (1 + b,) of each repetition, what was measured first.
        seed: of the draws.

    Returns:
        The estimate, and the draws (b,).
    """
    found = np.stack(draws)
    measured, resampled = found[:, 0], found[:, 1:]
    count, b = resampled.shape
    if count == 1:
        return float(measured[0]), resampled[0]
    chosen, images = np.random.default_rng(seed).integers(count, size=(b, count)), np.arange(b)[:, None]
    if not np.isfinite(found).all():
        return float(measured.mean()), resampled[chosen, images].mean(1)
    between = (measured[chosen].mean(1) - measured.mean()) * np.sqrt(count / (count - 1))
    within = (resampled - measured[:, None])[chosen, images].mean(1)
    return float(measured.mean()), measured.mean() + between + within


def verdict(low: float, high: float, side: str, bound: float) -> str:
    """Judge an interval by its bound; ``side`` is ">" or "<", where the claim says that the estimate lies."""
    if np.isnan(low) or np.isnan(high):
        return UNDECIDED
    if side == "<":
        low, high, bound = -high, -low, -bound
    return HOLDS if low > bound else FAILS if high < bound else UNDECIDED


def doubts(quality: pd.DataFrame, perturbations: int, pixels: int) -> dict[str, str]:
    """Why claims that rest on the curvature, or on the perturbations, are not to be trusted; empty where they are.

    Args:
        quality: the records of the decompositions, class by class.
        perturbations: how many were decomposed.
        pixels: d.
    """
    unrecorded = "no record of the curvature's quality; add curvature to figures.spectrum"
    found = {"curvature": undetermined(quality) if len(quality) else unrecorded, "perturbations": ""}
    if perturbations < pixels:
        way_out = "raise perturbations.images, or add images"
        found["perturbations"] = f"{perturbations:,} perturbations of {pixels:,} pixels; {way_out}"
    return found


def judged(
    rows: pd.DataFrame, draws: Mapping[tuple[str, str], Sequence[np.ndarray]], kinds: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Judge the claims of one experiment, over its repetitions.

    Args:
        rows: columns claim, part, images, doubt; a row per repetition.
        draws: of each claim and part, (1 + b,) per repetition.
        kinds: the declarations of the claims.
        seed: of the draws of repetitions.

    Returns:
        A row per claim and part: estimate, ci_low, ci_high, seeds, bound, verdict, reason.
    """
    found = []
    for (claim, part), group in rows.groupby(["claim", "part"], sort=False, dropna=False):
        estimate, resampled = over_seeds(draws[claim, part], seed)
        repeated, alone = len(group) > 1, kinds[claim].get("over") == "repetitions"
        low, high = interval(estimate, resampled, int(group["images"].min()), *kinds[claim].get("range", ()))
        if alone and not repeated:
            low = high = np.nan  # nothing that it is estimated from was resampled
        side, bound = kinds[claim]["holds"].get(part) or kinds[claim]["holds"]["*"]
        reason = next((text for text in group["doubt"] if text), "")
        found.append(
            {
                "claim": claim,
                "part": part,
                "section": kinds[claim]["section"],
                "statement": kinds[claim]["statement"],
                "estimate": estimate,
                "ci_low": low,
                "ci_high": high,
                "seeds": len(group),
                "images": int(group["images"].min()),
                "interval": ("seeds" if alone else "seeds and images") if repeated else ("none" if alone else "images"),
                "side": side,
                "bound": bound,
                "verdict": UNTRUSTED if reason else verdict(low, high, side, bound),
                "reason": reason,
                "control": kinds[claim].get("control", ""),
                "measured": kinds[claim]["estimate"],
            }
        )
    return pd.DataFrame(found)
