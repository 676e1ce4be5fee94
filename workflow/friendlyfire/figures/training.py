"""Learning curves, one panel per experiment."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.panels import SPLIT_NAMES, SPLITS, legend_below, panels, plot_over_repetitions
from friendlyfire.figures.shown import Shown
from friendlyfire.networks.collapse import in_words
from friendlyfire.records.seeds import repetition

FIGURES = {
    "training": {
        "make": "training",
        "draw": "learning_curves",
        "title": "Learning curves",
        "section": "4 Networks",
        "experiments": "trained",
        "reads": {"curves": "training.csv"},
        "tables": {"numbers": "numbers"},
        "caption": "Accuracy after each epoch. At the end: {finals}.{collapses}",
    },
}

#: Colour of all curves, and of those under attack.
COLOUR, ROBUST_COLOUR = "#0072B2", "#D55E00"


def training(curves: pd.DataFrame) -> Shown:
    """Accuracy on training and test images after each epoch.

    Args:
        curves: learning curves of the experiments.
    """
    last = curves[curves["epoch"] == curves.groupby("experiment")["epoch"].transform("max")]
    last = last.groupby("experiment", sort=False)[["test_accuracy", "test_images"]].mean()
    finals = "; ".join(
        f"{name}: {row.test_accuracy:.1%} of {row.test_images:,.0f} test images" for name, row in last.iterrows()
    )
    tested = curves.dropna(subset="robust_accuracy") if "robust_accuracy" in curves else curves.iloc[:0]
    lines = [
        (repetition(name, seed), in_words(line["robust_accuracy"].tolist()))
        for (name, seed), line in tested.groupby(["experiment", "seed"], sort=False)
    ]
    collapses = "".join(f" {name}: {told}." for name, told in lines if told)
    if len(tested):
        collapses = " Dashed: measured images under attack; training images as they are attacked." + collapses
    return Shown({"numbers": curves}, words={"finals": finals, "collapses": collapses})


def learning_curves(numbers: pd.DataFrame) -> Figure:
    """Draw a panel per experiment."""
    names = list(numbers["experiment"].unique())
    figure, columns = panels(names)
    for name, (ax,) in zip(names, columns, strict=True):
        learning_curve(numbers[numbers["experiment"] == name], ax)
    return figure


def learning_curve(table: pd.DataFrame, ax: Axes) -> None:
    """Draw training (in-sample) and test accuracy in % after each epoch, with a 95 % band for test accuracy.

    Args:
        table: columns epoch, train_accuracy, test_accuracy, test_ci_low, test_ci_high, and, where it was measured,
            robust_accuracy, robust_ci_low, robust_ci_high.
        ax: axes to draw on.
    """
    for split, style in SPLITS.items():
        bounds = ("test_ci_low", "test_ci_high") if split == "test" else None
        look = {"color": COLOUR, "linestyle": style, "label": SPLIT_NAMES[split]}
        plot_over_repetitions(ax, table, "epoch", f"{split}_accuracy", bounds, scale=100, **look)
    if "robust_accuracy" in table and table["robust_accuracy"].notna().all():
        bounds, look = ("robust_ci_low", "robust_ci_high"), {"color": ROBUST_COLOUR, "linestyle": "--"}
        label = f"{SPLIT_NAMES['test']} under attack"
        plot_over_repetitions(ax, table, "epoch", "robust_accuracy", bounds, scale=100, label=label, **look)
    ax.set(xlabel="epoch", ylabel="accuracy (%)", xlim=(1, max(2, table["epoch"].max())))
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend_below(ax)
