"""Figures 3 and 4: accuracy against the number of directions kept, with one panel per experiment."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import ROLES, curvature_quality, fooling_rates, image_counts, without_intervals
from friendlyfire.figures.panels import (
    SPLIT_NAMES,
    SPLITS,
    bases_legend,
    basis_colours,
    basis_name,
    panels,
    plot_over_repetitions,
)
from friendlyfire.figures.shown import Legend, Shown
from friendlyfire.records.intervals import FEWEST

FIGURES = {
    "fig3": {
        "make": "by_class",
        "draw": "against_directions_per_class",
        "hover": "per_class_on_hover",
        "title": "Figure 3",
        "section": "4.2 Accuracy and dimensionality",
        "bases": ["fig3"],
        "reads": {
            "accuracy": "accuracy/{basis}.csv",
            "fractions": "fractions/{basis}.csv",
            "quality": "quality.csv",
        },
        "tables": {"numbers": "accuracy", "fractions": "fractions of attacks"},
        "uses": ["attacks"],
        "caption": (
            "Accuracy on images projected onto the first directions of each class, ordered by the curvature of the "
            "class boundary (section 4.2, figure 3, top row; {images}). If the lines of high curvature rise at once "
            "and the flattest stay at chance accuracy, the network classifies with the directions along which its "
            "boundaries curve. Bands: 95 % intervals of the accuracy on measured images, which make no basis. The "
            "controls do not depend on the network. Lower rows: the mean fraction of the norm of each attack inside "
            "the same subspaces (section 4.3), for images that are held out of all bases. Fooling rates: {attacks}. "
            "Universal perturbations come from the same images as the bases. {few} Perturbations by FGSM and by "
            "Foolbox's attacks count even if they do not fool the network. Saliency maps have no length, so they are "
            "not judged. A direction that lies in the span of other classes' directions adds no rank, so lines of "
            "curvature may be longer than those of the controls. A dot marks the end of a line whose basis has no "
            "direction left before the others. The basis of both signs uses two directions per class at each step, so "
            "it ends after half as many steps. Curvature: {quality}"
        ),
        "options": {
            "fig3": {
                "default": [
                    "curvature-positive",
                    "curvature-negative",
                    "curvature-extreme",
                    "curvature-flat",
                    "pca",
                    "dct",
                    "random",
                ],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": "bases of figure 3; an empty list leaves the experiment out",
            },
        },
    },
    "fig4": {
        "make": "by_rank",
        "draw": "against_rank",
        "hover": "by_rank_on_hover",
        "title": "Figure 4",
        "section": "4.3 Classification and attack",
        "bases": ["fig4"],
        "reads": {"accuracy": "accuracy/{basis}.csv"},
        "tables": {"numbers": "numbers"},
        "caption": (
            "Accuracy on images projected onto the singular vectors of DeepFool perturbations, from the highest "
            "singular value and from the lowest (section 4.3, figure 4; {images}). If the line from the highest rises "
            "far ahead of the one from the lowest, the network classifies with the directions along which it is "
            "fooled. Bands: 95 % intervals of the accuracy on measured images, which make no basis. The controls show "
            "how much of this effect comes from the data rather than the network. A dot marks the end of a line whose "
            "basis has no direction left before the others."
        ),
        "options": {
            "fig4": {
                "default": ["deepfool-high", "deepfool-low", "pca", "dct", "random"],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": "bases of figure 4; an empty list leaves the experiment out",
            },
        },
    },
}

#: Columns of the ends of an interval.
ENDS = ("ci_low", "ci_high")


def by_class(accuracy: pd.DataFrame, fractions: pd.DataFrame, quality: pd.DataFrame) -> Shown:
    """Accuracy and norm fractions, by the number of directions per class.

    Args:
        accuracy: accuracy on projected images, at each rank of each basis.
        fractions: fractions of the norm of each attack inside.
        quality: the records of the decompositions.
    """
    words = {
        "images": image_counts(accuracy),
        "attacks": fooling_rates(fractions),
        "few": without_intervals(fractions),
        "quality": curvature_quality(quality),
    }
    return Shown({"numbers": accuracy, "fractions": fractions}, words=words)


def by_rank(accuracy: pd.DataFrame) -> Shown:
    """Accuracy by the total number of directions, as the paper's figure 4 counts them.

    Args:
        accuracy: accuracy on projected images, at each rank of each basis.
    """
    table = accuracy.drop(columns="directions_per_class")
    return Shown({"numbers": table}, words={"images": image_counts(table)})


def against_directions_per_class(
    numbers: pd.DataFrame, fractions: pd.DataFrame, legend: Legend, attacks: Mapping[str, str]
) -> Figure:
    """Draw accuracies, and below them the norm fractions of each attack."""
    return accuracies(numbers, fractions, "directions_per_class", "directions per class", legend, attacks)


def against_rank(numbers: pd.DataFrame, legend: Legend) -> Figure:
    """Draw accuracies."""
    return accuracies(numbers, None, "rank", "number of directions", legend, {})


def accuracies(
    table: pd.DataFrame, fractions: pd.DataFrame | None, x: str, label: str, legend: Legend, called: Mapping[str, str]
) -> Figure:
    """Draw a column per experiment: accuracy, and below it the norm fractions of each attack."""
    colours = basis_colours(table["basis"].unique(), legend)
    attacks = [] if fractions is None else list(fractions["attack"].unique())
    names = list(table["experiment"].unique())
    figure, columns = panels(names, [1, *[0.8] * len(attacks)])
    for name, (top, *below) in zip(names, columns, strict=True):
        accuracy_against_directions(table[table["experiment"] == name], top, x, colours)
        for attack, ax in zip(attacks, below, strict=True):
            mine = (fractions["experiment"] == name) & (fractions["attack"] == attack)
            fractions_against_directions(fractions[mine], ax, x, colours)
            ax.set_ylabel(f"fraction of norm of\n{called.get(attack, attack)} inside")
        (below or [top])[-1].set_xlabel(label)
    bases_legend(figure, colours, list(table["split"].unique()), legend)
    return figure


def accuracy_against_directions(table: pd.DataFrame, ax: Axes, x: str, colours: Mapping[str, str]) -> None:
    """Draw accuracy in % on projected images: one line per basis and split, with 95 % bands on the test lines.

    A dot marks the end of the test line of a basis that has fewer directions than others.

    Args:
        table: columns basis, split, accuracy, ci_low, ci_high, and ``x``.
        ax: axes to draw on.
        x: ``directions_per_class`` or ``rank``.
        colours: colours of the bases.
    """
    for (basis, split), line in table.groupby(["basis", "split"], sort=False):
        test = split == "test"
        look = {"color": colours[basis], "linestyle": SPLITS[split], "linewidth": 1.6 if test else 0.9}
        bounds = ("ci_low", "ci_high") if test else None
        plot_over_repetitions(ax, line, x, "accuracy", bounds, scale=100, **look)
        if test:
            dot_where_it_ends(line, ax, x, 100 * line["accuracy"], colours[basis], table[x].max())
    ax.set(ylim=(0, 101), xlim=(0, table[x].max()), ylabel="accuracy (%)")


def dot_where_it_ends(line: pd.DataFrame, ax: Axes, x: str, y: pd.Series, colour: str, end: float) -> None:
    """Draw a dot at the last point of a line that ends before the axis, to mark the end as intended."""
    if line[x].iloc[-1] < end:
        ax.plot(line[x].iloc[-1], y.iloc[-1], color=colour, marker="o", markersize=3.5, clip_on=False, zorder=3)


def fractions_against_directions(table: pd.DataFrame, ax: Axes, x: str, colours: Mapping[str, str]) -> None:
    """Draw the mean fraction of the perturbations' norm inside the subspaces: one line per basis with its 95 % band.

    Lines with too few perturbations for an interval have marked points and no band.

    Args:
        table: columns basis, fraction, ci_low, ci_high, perturbations, and ``x``, of one attack.
        ax: axes to draw on.
        x: ``directions_per_class`` or ``rank``.
        colours: colours of the bases.
    """
    for basis, line in table.groupby("basis", sort=False):
        colour = colours[basis]
        if line["perturbations"].max() < FEWEST:
            plot_over_repetitions(ax, line, x, "fraction", color=colour, linewidth=0.7, marker=".")
        else:
            plot_over_repetitions(ax, line, x, "fraction", ("ci_low", "ci_high"), color=colour)
        dot_where_it_ends(line, ax, x, line["fraction"], colour, table[x].max())
    ax.set(ylim=(0, 1.01), xlim=(0, table[x].max()))


def per_class_on_hover(
    numbers: pd.DataFrame, fractions: pd.DataFrame, legend: Legend, attacks: Mapping[str, str]
) -> Any:
    """Return accuracies, and the norm fractions of each attack, as a Bokeh layout with numbers on hover."""
    return accuracies_on_hover(numbers, fractions, "directions_per_class", "directions per class", legend, attacks)


def by_rank_on_hover(numbers: pd.DataFrame, legend: Legend) -> Any:
    """Return accuracies as a Bokeh layout with numbers on hover."""
    return accuracies_on_hover(numbers, None, "rank", "number of directions", legend, {})


def accuracies_on_hover(
    table: pd.DataFrame, fractions: pd.DataFrame | None, x: str, label: str, legend: Legend, called: Mapping[str, str]
) -> Any:
    """Return a panel per experiment, and one for each attack; the boxes are bases and splits."""
    # Bokeh takes half a second to import, and the printed figures do without.
    from friendlyfire.figures.hover import Panel, between, directions, switched

    colours, found = basis_colours(table["basis"].unique(), legend), []
    names = {basis: basis_name(basis, legend) for basis in colours}

    def accuracy(row: Any) -> str:
        within = between(100 * row.ci_low, 100 * row.ci_high, ".2f")
        counts = f"{row.images:,.0f} {ROLES[row.role]}, {row.run}"
        return f"accuracy {100 * row.accuracy:.2f} % ({within})\n{directions(row)}\n{counts}"

    def fraction(row: Any) -> str:
        images = ROLES.get(row.role, f"images that make {row.role}")
        counts = f"{row.perturbations:,.0f} perturbations of {images}, {row.run}"
        return f"fraction {row.fraction:.3f} ({between(row.ci_low, row.ci_high, '.3f')})\n{directions(row)}\n{counts}"

    for name, mine in table.groupby("experiment", sort=False):
        panel = Panel(name, label, "accuracy (%)", y_range=(0, 101))
        for (basis, split), line in mine.groupby(["basis", "split"], sort=False):
            look = {"width": 1.8} if split == "test" else {"width": 1.2, "dash": "dotted"}
            what = {"name": names[basis], "colour": colours[basis], "tags": [basis, SPLIT_NAMES[split]]}
            panel.line(line, x, "accuracy", {"accuracy": ENDS}, about=accuracy, scale=100, **what, **look)
        found.append([panel])
        inside = [] if fractions is None else fractions[fractions["experiment"] == name].groupby("attack", sort=False)
        for attack, rows in inside:
            panel = Panel(name, label, f"fraction of norm of {called.get(attack, attack)} inside", y_range=(0, 1.01))
            for basis, line in rows.groupby("basis", sort=False):
                what = {"name": names[basis], "colour": colours[basis], "tags": [basis]}
                panel.line(line, x, "fraction", {"fraction": ENDS}, about=fraction, **what)
            found.append([panel])
    dotted = {"train": ", dotted"}
    splits = {SPLIT_NAMES[split]: (SPLIT_NAMES[split] + dotted.get(split, ""), None) for split in SPLITS}
    return switched(found, bases={basis: (names[basis], colours[basis]) for basis in colours}, images=splits)
