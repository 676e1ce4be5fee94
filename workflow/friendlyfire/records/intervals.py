"""Confidence intervals of the numbers in the tables.

SciPy is imported where it is used: the import takes half a second, and most callers need proportions only.
"""

import math

import numpy as np

#: Smallest number of values for which the interval of a mean is given.
FEWEST = 10

#: Two-sided 95 % quantile of the standard normal distribution.
Z_95 = 1.959963984540054


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Args:
        successes: number of successful trials, 0 to ``trials``.
        trials: number of trials, at least 1.
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


def mean_interval(
    values: np.ndarray, level: float = 0.95, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[np.ndarray, np.ndarray]:
    """Return Student's interval of the mean of each column.

    Args:
        values: (n, ...), n at least 2.
        level: confidence level.
        bounds: bounds of the quantity, such as 0 and 1 for a fraction; the interval is clipped to them.

    Returns:
        Lower and upper bounds, of the shape of one row; NaN for fewer than :data:`FEWEST` rows, because
        Student's interval is too narrow for few values of a skewed distribution.

    Raises:
        ValueError: there are fewer than 2 rows.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"the interval of a mean needs at least 2 values, not {n}")
    half = _student_quantile(n - 1, (1 + level) / 2) * values.std(0, ddof=1) / math.sqrt(n)
    half = half if n >= FEWEST else half + math.nan
    return np.clip(values.mean(0) - half, *bounds), np.clip(values.mean(0) + half, *bounds)


def median_interval(values: np.ndarray) -> tuple[float, float]:
    """Return a 95 % interval of the median, from two order statistics; values may be infinite.

    Source: W. J. Conover, "Practical nonparametric statistics", 1999, section 3.2: the number of values below the
    median is binomial, whatever their distribution is.

    Args:
        values: (n,).

    Returns:
        Lower and upper bound; NaN for fewer than :data:`FEWEST` values.
    """
    from scipy.stats import binom

    n = len(values)
    if n < FEWEST:
        return math.nan, math.nan
    below = int(binom.ppf(0.025, n, 0.5))
    ordered = np.sort(values)
    return float(ordered[below - 1]), float(ordered[n - below])


def interval_over_repetitions(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the mean over repetitions, each with an interval of its own over the same images.

    The variance between repetitions, over their number, is added to the mean variance over images: images are shared,
    so what they add does not fall with the number of repetitions. Few repetitions say little about the former.

    Args:
        values: (s, ...) of each repetition.
        low: (s, ...) ends of their 95 % intervals.
        high: likewise.

    Returns:
        Lower and upper bounds, of the shape of one row; those that are given for a single repetition.
    """
    if len(values) == 1:
        return low[0], high[0]
    half = Z_95 * np.sqrt(values.var(0, ddof=1) / len(values) + np.square((high - low) / (2 * Z_95)).mean(0))
    return values.mean(0) - half, values.mean(0) + half


def jackknife_interval(estimate: float, without: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a number in (0, 1) that is estimated from n images, by the jackknife on its logit.

    Source: J. W. Tukey, "Bias and confidence in not-quite large samples", Annals of Mathematical Statistics 29 (1958);
    the logit keeps the interval within its bounds and suits numbers near one of them.

    Args:
        estimate: estimate from all images.
        without: (n,) estimates that each leave out one image.

    Returns:
        Lower and upper bound; NaN for fewer than :data:`FEWEST` images, or if the estimate is 0 or 1.
    """
    from scipy.special import expit, logit

    n = len(without)
    whole, others = logit(estimate), logit(without)
    if n < FEWEST or not (np.isfinite(whole) and np.isfinite(others).all()):
        return math.nan, math.nan
    values = n * whole - (n - 1) * others
    half = _student_quantile(n - 1, 0.975) * values.std(ddof=1) / math.sqrt(n)
    low, high = expit([values.mean() - half, values.mean() + half])
    return float(low), float(high)


def _student_quantile(freedom: int, probability: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
