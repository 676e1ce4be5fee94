"""Coverage of 95 % intervals: each kind of interval in the tables, in simulations with a known truth."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from benchmarks.harness import Goal
from friendlyfire.measures.coupling import Curve, Means, compare, difference, resampled_lines
from friendlyfire.measures.curves import additive_and_interaction, curve_form, separability
from friendlyfire.records.intervals import mean_interval, wilson_interval

#: Accepted coverage of a 95 % interval in the simulations.
AIM = (0.93, 0.97)

#: Ranks, and spread of the logit of the fractions, of the bases in the simulation of :func:`coupled_curves`.
RANKS, SPREAD = np.linspace(0.1, 1, 10), 0.8

#: Correlations of the images' difficulty between ranks and between bases.
CORRELATIONS = [(0.9, 0.9), (0.9, 0.0), (0.0, 0.9), (0.0, 0.0)]

STEPS = np.linspace(-1, 1, 31)

Held = Iterator[bool]


def proportions(n: int, p: float, count: int, rng: np.random.Generator) -> Held:
    """Test Wilson's interval of a proportion, for accuracy, fooling and success."""
    for k in rng.binomial(n, p, count):
        low, high = wilson_interval(int(k), n)
        yield low <= p <= high


def means(draw: Callable, n: int, truth: float, count: int, rng: np.random.Generator, **options) -> Held:
    """Test Student's interval of a mean, for norms and fractions."""
    for _ in range(count):
        low, high = mean_interval(draw(rng, n), **options)
        yield low <= truth <= high


def latent(n: int, bases: int, between: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Draw difficulties (n, bases, ranks) of images by a Gaussian copula, correlated between ranks and bases."""
    ranks, others = between
    shared = rng.standard_normal((n, bases if others == 0 else 1, len(RANKS) if ranks == 0 else 1))
    largest = max(between)
    return largest**0.5 * shared + (1 - largest) ** 0.5 * rng.standard_normal((n, bases, len(RANKS)))


def true_lines(apart: bool) -> tuple[np.ndarray, np.ndarray, list[Means]]:
    """Return accuracies (2, ranks), locations of the fractions' logits (2, ranks) and the true lines of two bases."""
    shifts = np.array([[0.0], [apart * 1.0]])
    accuracy = 0.1 + 0.85 * expit(10 * (RANKS - 0.25 - 0.12 * shifts))
    location = 6 * (RANKS - 0.3 - 0.05 * shifts)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    fraction = expit(location[..., None] + SPREAD * nodes) @ (weights / weights.sum())
    return accuracy, location, [Means(*line) for line in zip(accuracy, fraction, strict=True)]


def coupled_curves(
    apart: bool, between: tuple[float, float], images: int, perturbations: int, rng: np.random.Generator
) -> list[Curve]:
    """Draw the results of two bases on images and perturbations from the simulation of :func:`true_lines`."""
    accuracy, location, _ = true_lines(apart)
    correct = latent(images, 2, between, rng) < ndtri(accuracy)
    inside = latent(perturbations, 2, (0.9, between[1]), rng)[:, :, :1]
    return [Curve(correct[:, b], expit(location[b] + SPREAD * inside[:, b])) for b in (0, 1)]


def couplings(
    apart: bool, between: tuple[float, float], count: int, rng: np.random.Generator, draws: int = 500
) -> Iterator[tuple[bool, bool]]:
    """Test gap and distance between two bases: the paired bootstrap over 360 measured and 200 held-out images."""
    truth = difference(*true_lines(apart)[2][::-1])
    for _ in range(count):
        reference, curve = coupled_curves(apart, between, 360, 200, rng)
        lines = resampled_lines({"0": reference, "1": curve}, tuple(rng.integers(2**32, size=2)), draws)
        found = compare(curve, reference, lines["1"], lines["0"])
        (low, high), (least, most) = found.gap_interval, found.distance_interval
        yield low <= truth.mean() <= high, least <= np.abs(truth).mean() <= most


def grid(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw scores (n, steps) of images whose curves differ in height and in amplitude, with a little noise."""
    height, amplitude = rng.standard_normal((2, n, 1))
    return height + (1 + 0.4 * amplitude) * 2 * STEPS**2 + 0.05 * rng.standard_normal((n, len(STEPS)))


def forms(count: int, rng: np.random.Generator) -> Iterator[tuple[bool, ...]]:
    """Test symmetry, monotonicity, separability and interaction of score curves, of 200, 200, 100 and 100 images."""

    def curves(n):
        return grid(n, rng) + 0.5 * rng.standard_normal((n, 1)) * STEPS

    many = curve_form(curves(40_000), STEPS, rng, permutations=1)
    truths = [getattr(many, name).mean() for name in ("symmetry", "monotonicity")]
    truths += list(np.mean([additive_and_interaction(grid(20_000, rng)) for _ in range(5)], axis=0))
    for _ in range(count):
        form, parts = curve_form(curves(200), STEPS, rng, permutations=1), separability(grid(100, rng))
        intervals = [mean_interval(values, bounds=(0, 1)) for values in (form.symmetry, form.monotonicity)]
        intervals += [parts.additive_interval, parts.interaction_interval]
        yield tuple(low <= truth <= high for truth, (low, high) in zip(truths, intervals, strict=True))


def beta(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw fractions that accumulate near 1."""
    return rng.beta(4, 1, n)


def lognormal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw norms with a right-skewed distribution."""
    return rng.lognormal(0, 0.5, n)


def measure() -> tuple[pd.DataFrame, list[Goal]]:
    """Measure the coverage of every kind of interval."""
    rng, rows = np.random.default_rng(0), []

    def add(number: str, world: str, held: list[bool]) -> None:
        rows.append({"number": number, "world": world, "coverage": np.mean(held), "replications": len(held)})

    for n in (200, 360, 2000):
        for p in (0.05, 0.1, 0.5, 0.9, 0.99):
            add("proportion (Wilson)", f"{n} images, {p}", list(proportions(n, p, 20_000, rng)))
    for n in (10, 100, 360):
        add("mean norm", f"{n} log-normal norms", list(means(lognormal, n, np.exp(0.125), 5000, rng)))
        add("mean fraction", f"{n} fractions, beta(4, 1)", list(means(beta, n, 0.8, 5000, rng, bounds=(0, 1))))
    for apart in (True, False):
        for between in CORRELATIONS:
            held = list(couplings(apart, between, 400, rng))
            world = f"bases {'apart' if apart else 'equal'}, correlated {between[0]} by rank, {between[1]} by basis"
            for number, each in zip(("gap", "distance"), zip(*held, strict=True), strict=True):
                add(number, world, list(each))
    held = list(forms(600, rng))
    for number, each in zip(
        ("symmetry", "monotonicity", "separability", "interaction"), zip(*held, strict=True), strict=True
    ):
        add(number, "even curves with noise", list(each))
    table = pd.DataFrame(rows)
    table["error"] = np.sqrt(table["coverage"] * (1 - table["coverage"]) / table["replications"])
    goals = []
    for number, part in table.groupby("number", sort=False):
        low, high = part["coverage"].min(), part["coverage"].max()
        reached = (
            f"{part['coverage'].mean():.1%} ({low:.1%} to {high:.1%}; error of the count {part['error'].max():.1%})"
        )
        within = AIM[0] <= part["coverage"].mean() <= AIM[1]
        goals.append(
            Goal(f"coverage of 95 % intervals: {number}", f"{len(part)} worlds", "93 to 97 %", reached, within)
        )
    return table, goals
