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


def interval(draws: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of bootstrap draws (b,); infinite where draws are, NaN where all are NaN."""
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return np.nan, np.nan
    low, high = np.quantile(draws, [0.025, 0.975], method="nearest")
    return float(low), float(high)


def over_seeds(draws: Sequence[np.ndarray], seed: int) -> tuple[float, np.ndarray]:
    """Average over repetitions, with bootstrap draws of repetitions and of images.

    All repetitions are measured on the same images, so one draw of images serves them all. With two repetitions the
    interval is hardly more than the range between them.

    Args:
        draws: (1 + b,) of each repetition, what was measured first.
        seed: of the draws.

    Returns:
        The estimate, and the draws (b,).
    """
    found = np.stack(draws)
    if len(found) == 1:
        return float(found[0, 0]), found[0, 1:]
    count, b = len(found), found.shape[1] - 1
    rng = np.random.default_rng(seed)
    chosen, images = rng.integers(count, size=(b, count)), 1 + np.arange(b)[:, None]
    return float(found[:, 0].mean()), found[chosen, images].mean(1)


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
    found = {"curvature": "", "perturbations": ""}
    if not len(quality):
        found["curvature"] = "no record of the curvature's quality; add curvature to figures.spectrum"
    else:
        points, overlap = quality["points"].median(), quality["overlap"].median()
        if points < FEWEST_POINTS:
            found["curvature"] = f"{points:.0f} boundary points per class (median); raise boundary.images"
        elif not overlap >= SMALLEST_OVERLAP:
            found["curvature"] = f"two halves of the sample overlap by {overlap:.2f}; raise boundary.images"
    if perturbations < pixels:
        found["perturbations"] = f"{perturbations:,} perturbations of {pixels:,} pixels; raise perturbations.images"
    return found


def judged(
    rows: pd.DataFrame, draws: Mapping[tuple[str, str], Sequence[np.ndarray]], kinds: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Judge the claims of one experiment, over its repetitions.

    Args:
        rows: columns claim, part, doubt; a row per repetition.
        draws: of each claim and part, (1 + b,) per repetition.
        kinds: the declarations of the claims.
        seed: of the draws of repetitions.

    Returns:
        A row per claim and part: estimate, ci_low, ci_high, seeds, bound, verdict, reason.
    """
    found = []
    for (claim, part), group in rows.groupby(["claim", "part"], sort=False, dropna=False):
        estimate, resampled = over_seeds(draws[claim, part], seed)
        low, high = interval(resampled)
        side, bound = kinds[claim]["holds"].get(part) or kinds[claim]["holds"]["*"]
        reason = next((text for text in group["doubt"] if text), "")
        found.append(
            {
                "claim": claim,
                "part": part,
                "section": kinds[claim]["section"],
                "estimate": estimate,
                "ci_low": low,
                "ci_high": high,
                "seeds": len(group),
                "interval": "seeds and images" if len(group) > 1 else "images",
                "side": side,
                "bound": bound,
                "verdict": UNTRUSTED if reason else verdict(low, high, side, bound),
                "reason": reason,
                "control": kinds[claim].get("control", ""),
            }
        )
    return pd.DataFrame(found)
