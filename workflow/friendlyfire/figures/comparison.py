"""Several experiments in one panel: colours are bases, line styles are experiments."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import PANEL, basis_colours, basis_name
from friendlyfire.figures.shown import Legend, Shown

FIGURES = {
    "comparison": {
        "make": "comparison",
        "draw": "side_by_side",
        "title": "Comparison",
        "section": "4.3 Classification and attack",
        "bases": ["fig4"],
        "least": 2,
        "reads": {"accuracy": "accuracy/{basis}.csv", "fractions": "fractions/{basis}.csv"},
        "tables": {"numbers": "numbers"},
        "thin": False,
        "caption": (
            "All experiments of the suite in one panel, on the bases of figure 4 ({images}). Left: accuracy on "
            "projected measured images against the number of directions. Right: the same accuracy against the fraction "
            "of DeepFool's norm inside, on held-out images. Bands: 95 % intervals of the accuracy."
        ),
    },
}


def comparison(accuracy: pd.DataFrame, fractions: pd.DataFrame) -> Shown:
    """Accuracy of several experiments, by the rank and by the fraction of DeepFool's norm inside.

    Args:
        accuracy: accuracy on projected images, at each rank of each basis.
        fractions: fractions of the norm of each attack inside.
    """
    keys, measured = ["experiment", "seed", "basis", "rank"], accuracy.query("role == 'measured'")
    inside = fractions.query("attack == 'deepfool'")[[*keys, "fraction"]]
    return Shown({"numbers": measured.merge(inside, on=keys, how="left")}, words={"images": image_counts(measured)})


def side_by_side(numbers: pd.DataFrame, legend: Legend) -> Figure:
    """Draw the accuracies against the rank on the left, and against the fraction inside on the right."""
    colours = basis_colours(numbers["basis"].unique(), legend)
    figure, axes = plt.subplots(1, 2, figsize=(2.4 * PANEL[0], 1.3 * PANEL[1]), sharey=True)
    for ax, x, label in zip(
        axes, ("rank", "fraction"), ("number of directions", "fraction of DeepFool's norm inside"), strict=True
    ):
        accuracies_over_each_other(numbers, ax, x, colours)
        ax.set(xlabel=label, xlim=(0, numbers[x].max()), ylim=(0, 101))
    axes[0].set_ylabel("accuracy (%)")
    handles, names = axes[0].get_legend_handles_labels()
    words = {basis: basis_name(basis, legend) for basis in colours}
    for ax in axes:
        ax.get_legend().remove()
    figure.legend(handles, [words.get(name, name) for name in names], loc="outside right center", fontsize=7)
    return figure


def accuracies_over_each_other(table: pd.DataFrame, ax: Axes, x: str, colours: Mapping[str, str]) -> None:
    """Draw accuracy in %: one colour per basis and one line style per experiment, with 95 % bands.

    Args:
        table: columns experiment, basis, accuracy, ci_low, ci_high, and ``x``.
        ax: axes to draw on.
        x: ``rank`` or ``fraction``.
        colours: colours of the bases.
    """
    averaged = sorted({x, "accuracy", "ci_low", "ci_high"} - {"rank"})
    table = table.groupby(["experiment", "basis", "rank"], sort=False)[averaged].mean().reset_index()
    percent = table.assign(accuracy=100 * table["accuracy"])
    sns.lineplot(
        percent, x=x, y="accuracy", hue="basis", style="experiment", palette=colours, errorbar=None, sort=False, ax=ax
    )
    for (_, basis), line in table.groupby(["experiment", "basis"], sort=False):
        low, high = 100 * line["ci_low"], 100 * line["ci_high"]
        ax.fill_between(line[x], low, high, color=colours[basis], alpha=0.15, linewidth=0)
