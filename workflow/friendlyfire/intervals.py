"""Confidence intervals of the figures in the tables."""

import math

import numpy as np
import scipy.special

#: Two-sided 95 % quantile of the standard normal distribution.
Z_95 = 1.959963984540054


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Args:
        successes: how many trials succeeded, 0 to ``trials``.
        trials: how many there were, at least 1.
        z: normal quantile; the default gives 95 %.

    Returns:
        Lower and upper bound, in [0, 1].

    Raises:
        ValueError: ``successes`` is not between 0 and ``trials``, or there were no trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"a proportion needs 0 <= successes <= trials and trials >= 1, not {successes} of {trials}")
    p = successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    # Exact at the ends, where rounding would leave 1e-17 or 0.9999999999999999.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Student's interval of the mean of each column.

    Args:
        values: (n, ...), n at least 2.
        level: of confidence.

    Returns:
        Lower and upper bounds, of the shape of one row.

    Raises:
        ValueError: there are fewer than 2 rows.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"the interval of a mean needs at least 2 values, not {n}")
    half = scipy.special.stdtrit(n - 1, (1 + level) / 2) * values.std(0, ddof=1) / math.sqrt(n)
    return values.mean(0) - half, values.mean(0) + half
