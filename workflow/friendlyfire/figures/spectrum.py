"""Eigenvalues of each class and singular values of the perturbations, one column per experiment."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import curvature_quality
from friendlyfire.figures.panels import (
    ATTACK_COLOUR,
    IMAGE_COLOUR,
    OTHERS,
    legend_below,
    panels,
    plain_decades,
    plot_over_repetitions,
    short,
)
from friendlyfire.figures.shown import Shown

FIGURES = {
    "spectrum": {
        "make": "spectrum",
        "draw": "spectra_panels",
        "title": "Spectra",
        "section": "3 Curvature",
        "experiments": "figures.spectrum",
        "reads": {"spectra": "spectra.csv", "quality": "quality.csv"},
        "tables": {"numbers": "numbers"},
        "caption": (
            "Mean curvature: all eigenvalues of the mean Hessian of each class's margin at its boundary (algorithm 1). "
            "If few directions curve, the lines fall steeply at their ends and are flat in between. Colours mark the "
            "classes with the largest and the smallest top curvature. Singular values: those of the perturbations of "
            "unit norm and of the mean-subtracted images, as fractions of the largest. {quality}"
        ),
        "options": {
            "spectrum": {
                "default": ["curvature", "deepfool", "pca"],
                "type": "array",
                "uniqueItems": True,
                "items": {"enum": ["curvature", "deepfool", "pca"]},
                "description": (
                    "spectra to draw: eigenvalues of the mean Hessians, singular values of the perturbations, and "
                    "those of the images; an empty list leaves the experiment out"
                ),
            },
        },
    },
}

#: Colour and name of each kind of singular values.
SINGULAR = {"deepfool": ("#E69F00", "DeepFool perturbations"), "pca": ("#555555", "images")}


def spectrum(spectra: pd.DataFrame, quality: pd.DataFrame) -> Shown:
    """Spectra of the mean Hessians, and of the perturbations and images.

    Args:
        spectra: spectra of the experiments, in long form.
        quality: the records of the decompositions.
    """
    return Shown({"numbers": spectra}, words={"quality": curvature_quality(quality)})


def spectra_panels(numbers: pd.DataFrame) -> Figure:
    """Draw eigenvalues above singular values."""
    names, curved = list(numbers["experiment"].unique()), numbers["spectrum"] == "curvature"
    parts = [(rows, plot) for rows, plot in ((curved, eigenvalues), (~curved, singular_values)) if rows.any()]
    figure, columns = panels(names, [1] * len(parts))
    for name, column in zip(names, columns, strict=True):
        for (rows, plot), ax in zip(parts, column, strict=True):
            mine = rows & (numbers["experiment"] == name)
            plot(numbers[mine], ax) if mine.any() else ax.set_axis_off()
    return figure


def eigenvalues(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the eigenvalues of the mean Hessians in their order, one line per class.

    The classes with the largest and the smallest top curvature have colours, and the others are grey. The two lines
    show the spread for any number of classes.

    Args:
        table: columns class, index, value.
        ax: axes to draw on.
    """
    top = table[table["index"] == table["index"].min()].groupby("class", sort=False)["value"].mean()
    ends = {
        top.idxmax(): (IMAGE_COLOUR, f"{short(top.idxmax(), 14)}: largest top curvature"),
        top.idxmin(): (ATTACK_COLOUR, f"{short(top.idxmin(), 14)}: smallest top curvature"),
    }
    for name, line in table.groupby("class", sort=False):
        if name not in ends:
            plot_over_repetitions(ax, line, "index", "value", color=OTHERS, linewidth=0.6)
    for name, (colour, label) in ends.items():
        line = table[table["class"] == name]
        plot_over_repetitions(ax, line, "index", "value", color=colour, label=label)
    if len(top) > len(ends):
        ax.plot([], [], color=OTHERS, label=f"the other {len(top) - len(ends)} classes")
    ax.axhline(0, color="black", linewidth=0.5)
    ax.set(
        xlabel="direction, most positive first",
        ylabel="mean curvature\n(logits / pixel²)",
        xlim=(1, table["index"].max()),
    )
    legend_below(ax)


def singular_values(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the singular values of the perturbations and of the images, as fractions of the largest.

    Args:
        table: columns spectrum, index, value.
        ax: axes to draw on.
    """
    for kind, line in table.groupby("spectrum", sort=False):
        colour, name = SINGULAR[kind]
        largest = line.groupby("seed")["value"].transform("max")
        relative = line.assign(value=line["value"] / largest)
        plot_over_repetitions(ax, relative, "index", "value", color=colour, label=name)
    ax.set(
        yscale="log",
        xlabel="direction, by singular value",
        ylabel="singular value / largest",
        xlim=(1, table["index"].max()),
    )
    plain_decades(ax)
    legend_below(ax)
