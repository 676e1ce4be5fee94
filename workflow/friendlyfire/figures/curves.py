"""Figure 1: one class's score along two directions, a curve per image."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from friendlyfire.figures.drawn import Drawn
from friendlyfire.figures.panels import as_pictures, class_colours, class_legend, panels, pictures, score_curves
from friendlyfire.records.stores import Store

FIGURES = {
    "fig1": {
        "make": "score_along_directions",
        "title": "Figure 1",
        "section": "4.1 Class identity along directions",
        "kinds": ["positive", "negative"],
        "reads": {"curves": "scores/{kind}-curves.csv", "moved": "scores/{kind}.zarr.zip"},
        "tables": {"csv": "numbers"},
        "caption": (
            "A class's score while images move along the most positively and the most negatively curved direction of "
            "its boundary (figure 1; {shown}). Each curve is a measured image, coloured by the predicted class on the "
            "way: black is the class whose score it is. The paper finds that the curves of all images have nearly the "
            "same shape: the first direction carries them into the class, the second out of it. The length of the "
            "movement, s, is the Euclidean norm of the change, of pixels in [0, 1]. Below each panel: the direction, "
            "and one of the images on its way."
        ),
    },
}


def score_along_directions(curves: pd.DataFrame, moved: Sequence[Store]) -> Drawn:
    """Draw the score of one class along the most positive and the most negative direction, a curve per image.

    Args:
        curves: scores of single images along the directions.
        moved: pictures of the directions, and of an image on its way.
    """
    strips = {(store.record["experiment"], store.record["kind"]): strip(store) for store in moved}
    kinds = list(curves["kind"].unique())

    def figure() -> Figure:
        names = list(curves["experiment"].unique())
        figure, columns = panels(names, [1, 0.4] * len(kinds), columns=3)
        for name, axes in zip(names, columns, strict=True):
            mine = curves[curves["experiment"] == name]
            predicted = mine["predicted"].value_counts().index
            colours = class_colours(predicted, mine["class"].iloc[0])
            for kind, plot, below in zip(kinds, axes[::2], axes[1::2], strict=True):
                score_curves(mine[mine["kind"] == kind], plot, colours)
                plot.set_title(f"{name}\nmost {kind} curvature")
                pictures(*strips[name, kind], below)
            class_legend(axes[0], colours, others=not set(predicted) <= set(colours))
        return figure

    counts = curves.groupby("experiment", sort=False)[["class", "image"]].agg({"class": "first", "image": "nunique"})
    shown = "; ".join(f"{name}: {row['class']}, {row['image']} images" for name, row in counts.iterrows())
    return Drawn({"csv": curves}, figure, {"shown": shown})


def strip(store: Store) -> tuple[np.ndarray, list[str]]:
    """Pictures of the direction of the class that is shown, and of an image on its way, with their labels."""
    record = store.record
    direction = store["directions"][record["classes"].index(record["shown"]), :1]
    steps = [f"{name}\ns = {s:z.1f}" for name, s in zip(record["predicted"], store["steps"], strict=True)]
    return np.concatenate([as_pictures(direction), store["images"]]), ["direction", *steps]
