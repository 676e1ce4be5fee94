"""Learning curves, a panel per experiment."""

import pandas as pd
from matplotlib.figure import Figure

from friendlyfire.figures.drawn import Drawn
from friendlyfire.figures.panels import learning_curve, panels

FIGURES = {
    "training": {
        "make": "training",
        "title": "Learning curves",
        "section": "Networks",
        "experiments": "trained",
        "reads": {"curves": "training.csv"},
        "tables": {"csv": "numbers"},
        "caption": "Accuracy after each epoch. At the end: {finals}.",
    },
}


def training(curves: pd.DataFrame) -> Drawn:
    """Draw the accuracy on training and test images after each epoch.

    Args:
        curves: learning curves of the experiments.
    """
    last = curves.groupby("experiment", sort=False)[["test_accuracy", "test_images"]].last()
    finals = "; ".join(
        f"{name}: {row.test_accuracy:.1%} of {row.test_images:,.0f} test images" for name, row in last.iterrows()
    )

    def figure() -> Figure:
        names = list(curves["experiment"].unique())
        figure, columns = panels(names)
        for name, (ax,) in zip(names, columns, strict=True):
            learning_curve(curves[curves["experiment"] == name], ax)
        return figure

    return Drawn({"csv": curves}, figure, {"finals": finals})
