"""Accuracy on projected images against the attack's fraction inside, with the distances between the bases."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import bases_legend, basis_colours, basis_name, panels, plot_over_repetitions
from friendlyfire.figures.shown import Legend, Shown
from friendlyfire.measures.coupling import REFERENCE, correlations, distances, read_curves
from friendlyfire.records.intervals import interval_over_repetitions
from friendlyfire.records.stores import Store
from friendlyfire.records.tables import with_seeds

FIGURES = {
    "coupling": {
        "make": "coupling",
        "draw": "lines_and_gaps",
        "hover": "lines_and_gaps_on_hover",
        "title": "Coupling",
        "section": "4.3 Classification and attack",
        "bases": ["fig4", "fig3"],
        "needs": "deepfool-high",
        "reads": {
            "accuracy": "accuracy/{basis}.csv",
            "fractions": "fractions/{basis}.csv",
            "correct": "accuracy/{basis}.zarr.zip",
            "inside": "fractions/{basis}.zarr.zip",
        },
        "tables": {"numbers": "numbers", "distances": "distances", "correlations": "correlations"},
        "caption": (
            "Accuracy on projected measured images against the fraction of DeepFool's norm inside the same subspace on"
            " held-out images, along the ranks of each basis ({images}). Neither role makes a basis. If "
            "vulnerability and accuracy were the same, all bases would lie on one line. A basis above the line of "
            "DeepFool's own directions has more accuracy at the same fraction of the attack. Top: the thick line "
            "shows DeepFool's own directions, with the 95 % interval of their accuracy as a band. Bottom: the mean "
            "difference of accuracy from that line at equal fraction, with its 95 % interval, in points: {gaps}."
        ),
    },
}

#: Endings of the columns of a number and its interval.
ENDS = ("", "_ci_low", "_ci_high")


def coupling(
    accuracy: pd.DataFrame,
    fractions: pd.DataFrame,
    correct: Sequence[Store],
    inside: Sequence[Store],
    seed: Callable[..., int],
) -> Shown:
    """Accuracy and the fraction of DeepFool's norm inside, basis by basis, and the distances between the bases.

    Args:
        accuracy: accuracy on projected images, at each rank of each basis.
        fractions: fractions of the norm of each attack inside.
        correct: stores of which images are classified correctly, for the same bases.
        inside: stores of the fractions of single perturbations, for the same bases.
        seed: a function that returns the seed of a draw from its names.
    """
    accuracy = accuracy.query("split == 'test'")
    # Rank 0 has no attack inside, so a line from there to the first rank would not be measured.
    both = (
        accuracy.query("rank > 0")
        .merge(
            fractions.drop(columns=["directions_per_class", "role", "images"]),
            on=["experiment", "seed", "basis", "rank"],
            suffixes=("", "_fraction"),
        )
        .rename(columns={"ci_low_fraction": "fraction_ci_low", "ci_high_fraction": "fraction_ci_high"})
    )
    curves = read_curves(correct, inside, "deepfool")
    apart = with_seeds(pd.DataFrame([row for name, part in curves.items() for row in distances(part, name, seed)]))
    tables = {
        "numbers": both[both["attack"] == "deepfool"].drop(columns="attack"),
        "distances": apart,
        "correlations": correlations(both),
    }
    images = image_counts(pd.concat([accuracy, fractions.query("role == 'held-out'")]))
    return Shown(tables, words={"gaps": gaps_in_words(apart), "images": images})


def gaps_in_words(apart: pd.DataFrame) -> str:
    """State the mean difference of each basis from the reference, with its interval over repetitions and images."""
    parts = []
    for (experiment, basis), rows in apart.groupby(["experiment", "basis"], sort=False):
        gap, low, high = mean_gap(rows)
        parts.append(f"{experiment}, {basis}: {gap:+.1f} ({low:+.1f} to {high:+.1f})")
    return "; ".join(parts)


def mean_gap(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Return the mean gap over the repetitions of one basis, in points, with its 95 % interval."""
    gaps, low, high = (100 * rows[f"gap{end}"].to_numpy() for end in ENDS)
    return (gaps.mean(), *map(float, interval_over_repetitions(gaps, low, high)))


def lines_and_gaps(numbers: pd.DataFrame, distances: pd.DataFrame, legend: Legend) -> Figure:
    """Draw accuracy against the fraction of DeepFool's norm inside, one line per basis, and below it the gaps."""
    colours, names = basis_colours(numbers["basis"].unique(), legend), list(numbers["experiment"].unique())
    figure, columns = panels(names, [1, 0.7])
    for name, (top, bottom) in zip(names, columns, strict=True):
        accuracy_against_fraction(numbers[numbers["experiment"] == name], top, colours, REFERENCE)
        accuracy_gaps(distances[distances["experiment"] == name], bottom, colours, REFERENCE)
    bases_legend(figure, colours, [], legend)
    return figure


def accuracy_against_fraction(table: pd.DataFrame, ax: Axes, colours: Mapping[str, str], reference: str) -> None:
    """Draw the accuracy of projected images against the fraction of the attack's norm inside, one line per basis.

    The reference has a thick line with its 95 % band. The others have thin lines with small dots, because nine
    overlapping bands would hide whether the lines coincide. :func:`accuracy_gaps` shows their distances.

    Args:
        table: columns basis, fraction, accuracy, ci_low, ci_high.
        ax: axes to draw on.
        colours: colours of the bases.
        reference: the basis that the others are compared with.
    """
    for basis, line in table.groupby("basis", sort=False):
        colour, chosen = colours[basis], basis == reference
        look = {"linewidth": 2.4, "zorder": 2.2} if chosen else {"linewidth": 0.8, "marker": ".", "markersize": 2.5}
        bounds = ("ci_low", "ci_high") if chosen else None
        plot_over_repetitions(ax, line, "fraction", "accuracy", bounds, scale=100, band=0.3, color=colour, **look)
    ax.set(xlim=(0, 1.01), ylim=(0, 101), xlabel="fraction of DeepFool's norm inside", ylabel="accuracy (%)")


def accuracy_gaps(table: pd.DataFrame, ax: Axes, colours: Mapping[str, str], reference: str) -> None:
    """Draw the mean difference of accuracy from the reference at equal fraction: one dot per basis, 95 % intervals.

    Args:
        table: columns basis, gap, gap_ci_low, gap_ci_high.
        ax: axes to draw on.
        colours: colours of the bases, including the reference.
        reference: the basis that the others are compared with.
    """
    ax.axhline(0, color=colours[reference], zorder=1.9)
    bases = table["basis"].unique()
    for place, basis in enumerate(bases):
        gap, low, high = mean_gap(table[table["basis"] == basis])
        ax.plot([place, place], [low, high], color=colours[basis])
        ax.plot(place, gap, color=colours[basis], marker="o", markersize=4)
    ax.set(ylabel="gap (points)", xlabel="bases, in the order of the legend", xticks=[], xlim=(-0.6, len(bases) - 0.4))


def lines_and_gaps_on_hover(numbers: pd.DataFrame, distances: pd.DataFrame, legend: Legend) -> Any:
    """Return the lines and the gaps as a Bokeh layout with numbers on hover; the boxes are bases."""
    # Bokeh takes half a second to import, and the printed figures do without.
    from friendlyfire.figures.hover import Panel, between, directions, switched

    colours, found = basis_colours(numbers["basis"].unique(), legend), []
    names = {basis: basis_name(basis, legend) for basis in colours}

    def accuracy(row: Any) -> str:
        within = between(100 * row.ci_low, 100 * row.ci_high, ".2f")
        counts = f"{row.images:,.0f} measured images, {row.perturbations:,.0f} perturbations, {row.run}"
        inside = f"fraction {row.fraction:.3f} ({between(row.fraction_ci_low, row.fraction_ci_high, '.3f')})"
        return f"accuracy {100 * row.accuracy:.2f} % ({within})\n{inside}\n{directions(row)}\n{counts}"

    def difference(row: Any) -> str:
        within = between(100 * row.gap_ci_low, 100 * row.gap_ci_high, "+.2f")
        counts = f"{row.images:,.0f} measured images, {row.perturbations:,.0f} perturbations, {row.run}"
        return f"gap {100 * row.gap:+.2f} points ({within})\nto {names[row.reference]}\n{counts}"

    bounds = {"accuracy": ("ci_low", "ci_high"), "fraction": ("fraction_ci_low", "fraction_ci_high")}
    for name, mine in numbers.groupby("experiment", sort=False):
        label = "fraction of DeepFool's norm inside"
        panel = Panel(name, label, "accuracy (%)", x_range=(0, 1.01), y_range=(0, 101))
        for basis, line in mine.groupby("basis", sort=False):
            look = {"width": 3.2, "band": 0.3} if basis == REFERENCE else {"width": 1.2, "band": 0}
            what = {"name": names[basis], "colour": colours[basis], "tags": [basis]}
            panel.line(line, "fraction", "accuracy", bounds, about=accuracy, scale=100, **what, **look)
        gaps = Panel(name, "bases, in the order of the boxes", "gap (points)")
        gaps.level(colours[REFERENCE])
        apart = distances[distances["experiment"] == name].groupby("basis", sort=False)
        for place, (basis, rows) in enumerate(apart):
            what = {"name": names[basis], "colour": colours[basis], "tags": [basis]}
            ends = {"gap": ("gap_ci_low", "gap_ci_high")}
            gaps.point(rows.assign(place=place), "place", "gap", ends, about=difference, scale=100, **what)
        found.append([panel, gaps])
    return switched(found, bases={basis: (names[basis], colours[basis]) for basis in colours})
