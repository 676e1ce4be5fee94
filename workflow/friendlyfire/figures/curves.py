"""Figure 1: one class's score along two directions, one curve per image."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from friendlyfire.figures.panels import (
    MOVEMENT,
    OTHERS,
    as_pictures,
    first_of,
    first_repetition,
    in_rows,
    legend_below,
    lines_of,
    panels,
    short,
)
from friendlyfire.figures.shown import Shown, Strip, strip
from friendlyfire.records.stores import Store

FIGURES = {
    "fig1": {
        "make": "score_along_directions",
        "draw": "curves_and_pictures",
        "title": "Figure 1",
        "section": "4.1 Class identity along directions",
        "kinds": ["positive", "negative"],
        "reads": {"curves": "scores/{kind}-curves.csv", "moved": "scores/{kind}.zarr.zip"},
        "tables": {"numbers": "numbers"},
        "pictures": "directions, and an image on its way",
        "caption": (
            "A class's score while images move along the most positively and the most negatively curved direction of "
            "its boundary (figure 1; {shown}). Each curve is a measured image, coloured by the predicted class along "
            "the way; black is the class itself. The paper finds that the curves of all images have nearly the "
            "same shape: the first direction carries them into the class, the second out of it. The length of the "
            "movement, s, is the Euclidean norm of the change, of pixels in [0, 1]. Below each panel: the direction, "
            "and one of the images on its way."
        ),
    },
}

#: Colour of the class that a figure shows, and of the other classes (P. Tol's muted scheme, safe for the colour-blind).
SHOWN_COLOUR = "#000000"
CLASS_COLOURS = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")


def score_along_directions(curves: pd.DataFrame, moved: Sequence[Store]) -> Shown:
    """The score of one class along the most positive and the most negative direction, image by image.

    Args:
        curves: scores of single images along the directions.
        moved: stores with pictures of the directions and of a moving image.
    """
    strips = {"/".join(key): on_its_way(store) for key, store in first_of(moved, "kind").items()}
    shown = first_repetition(curves)
    counts = shown.groupby("experiment", sort=False)[["class", "image"]].agg({"class": "first", "image": "nunique"})
    words = "; ".join(f"{name}: {row['class']}, {row['image']} images" for name, row in counts.iterrows())
    return Shown({"numbers": shown}, strips, {"shown": words})


def on_its_way(store: Store) -> Strip:
    """Return pictures of the shown class's direction and of a moving image, with their labels."""
    record = store.record
    direction = store["directions"][record["classes"].index(record["shown"]), :1]
    steps = [f"{name}\ns = {s:z.1f}" for name, s in zip(record["predicted"], store["steps"], strict=True)]
    return strip(np.concatenate([as_pictures(direction), store["images"]]), ["direction", *steps])


def curves_and_pictures(numbers: pd.DataFrame, pictures: Mapping[str, Strip]) -> Figure:
    """Draw one curve per image, and below each panel the pictures."""
    names, kinds = list(numbers["experiment"].unique()), list(numbers["kind"].unique())
    figure, columns = panels(names, [1, 0.4] * len(kinds))
    for name, axes in zip(names, columns, strict=True):
        mine = numbers[numbers["experiment"] == name]
        predicted = mine["predicted"].value_counts().index
        colours = class_colours(predicted, mine["class"].iloc[0])
        for kind, plot, below in zip(kinds, axes[::2], axes[1::2], strict=True):
            score_curves(mine[mine["kind"] == kind], plot, colours)
            plot.set_title(f"{lines_of(name)}\nmost {kind} curvature")
            in_rows(pictures[f"{name}/{kind}"], below)
        class_legend(axes[0], colours, others=not set(predicted) <= set(colours))
    return figure


def score_curves(table: pd.DataFrame, ax: Axes, colours: Mapping[str, str]) -> None:
    """Draw one class's score along a direction, one curve per image, in the colours of the predicted classes.

    Args:
        table: columns image, s, score, predicted, class, of one class and direction.
        ax: axes to draw on.
        colours: colours by class name; other classes are grey.
    """
    shown = table["class"].iloc[0]
    for _, curve in table.groupby("image", sort=False):
        points = curve[["s", "score"]].to_numpy()
        segments = np.stack([points[:-1], points[1:]], axis=1)
        ax.add_collection(
            LineCollection(
                segments,
                colors=[colours.get(name, OTHERS) for name in curve["predicted"][1:]],
                linewidths=[1.1 if name == shown else 0.7 for name in curve["predicted"][1:]],
                alpha=0.8,
            )
        )
    ax.autoscale_view()
    ax.set(xlabel=MOVEMENT, ylabel=f"logit of class {short(shown, 14)}")


def class_colours(names: Sequence[str], shown: str) -> dict[str, str]:
    """Assign colours to the shown class and to the first of the other classes, as far as the colours last."""
    others = [name for name in names if name != shown][: len(CLASS_COLOURS)]
    return {shown: SHOWN_COLOUR, **dict(zip(sorted(others), CLASS_COLOURS, strict=False))}


def class_legend(ax: Axes, colours: Mapping[str, str], others: bool) -> None:
    """Draw the legend of the predicted classes below a panel, with grey for the other classes if there are any."""
    shown = [*colours.items()] + [("other classes", OTHERS)] * others
    handles = [Line2D([], [], color=colour, label=short(name, 14)) for name, colour in shown]
    legend_below(ax, handles, title="predicted class")
