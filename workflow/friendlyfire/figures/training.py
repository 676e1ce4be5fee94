"""Learning curves, one panel per experiment."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.panels import SPLIT_NAMES, SPLITS, legend_below, panels, plot_over_repetitions
from friendlyfire.figures.shown import Shown

FIGURES = {
    "training": {
        "make": "training",
        "draw": "learning_curves",
        "title": "Learning curves",
        "section": "4 Networks",
        "experiments": "trained",
        "reads": {"curves": "training.csv"},
        "tables": {"numbers": "numbers"},
        "caption": "Accuracy after each epoch. At the end: {finals}.",
    },
}

#: Colour of all curves.
COLOUR = "#0072B2"


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
    return Shown({"numbers": curves}, words={"finals": finals})


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
        table: columns epoch, train_accuracy, test_accuracy, test_ci_low, test_ci_high.
        ax: axes to draw on.
    """
    for split, style in SPLITS.items():
        bounds = ("test_ci_low", "test_ci_high") if split == "test" else None
        look = {"color": COLOUR, "linestyle": style, "label": SPLIT_NAMES[split]}
        plot_over_repetitions(ax, table, "epoch", f"{split}_accuracy", bounds, scale=100, **look)
    ax.set(xlabel="epoch", ylabel="accuracy (%)", xlim=(1, max(2, table["epoch"].max())))
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend_below(ax)
