"""Figures 2, S1 and S2: the effect of the first direction of each class on all images."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import shares
from friendlyfire.figures.panels import (
    ATTACK_COLOUR,
    IMAGE_COLOUR,
    MOVEMENT,
    as_pictures,
    first_of,
    in_rows,
    legend_below,
    lines_of,
    panels,
    plot_over_repetitions,
    short,
)
from friendlyfire.figures.shown import Shown, Strip, strip
from friendlyfire.records.stores import Store

FIGURES = {
    "fig2": {
        "make": "population",
        "draw": "population_panels",
        "title": "Figure 2",
        "section": "4.1 Class identity along directions",
        "kinds": ["positive"],
        "reads": {"table": "scores/{kind}.csv", "forms": "scores/{kind}-form.csv", "moved": "scores/{kind}.zarr.zip"},
        "tables": {"numbers": "numbers", "form": "form of the curves"},
        "pictures": "the first two directions of several classes",
        "caption": (
            "Top: score of a class and of its strongest rival while all images move along the most positively curved "
            "direction of the class's boundary; medians, with the 30th to 70th percentiles. Middle: the fraction of "
            "other images that are carried into the class, their median softmax, and the fraction of the class's own "
            "images that stay (bands: 95 %; no softmax is drawn if no image is carried). Bottom: the first two such "
            "directions of several classes. The paper finds that away from s = 0 the class overtakes all others, "
            "whatever the image. {shares}"
        ),
        "options": {
            "scores": {
                "default": ["positive", "negative", "flat"],
                "type": "array",
                "uniqueItems": True,
                "items": {"enum": ["positive", "negative", "flat"]},
                "description": "kinds of directions of figures 1, 2, S1 and S2",
            },
        },
    },
    "figS1": {
        "make": "population",
        "draw": "population_panels",
        "title": "Figure S1",
        "section": "4.1 Class identity along directions",
        "kinds": ["negative"],
        "reads": {"table": "scores/{kind}.csv", "forms": "scores/{kind}-form.csv", "moved": "scores/{kind}.zarr.zip"},
        "tables": {"numbers": "numbers", "form": "form of the curves"},
        "pictures": "the first two directions of several classes",
        "caption": (
            "As figure 2, along the most negatively curved direction of the class's boundary. The paper finds that "
            "away from s = 0 the others overtake the class and its own images leave it. {shares}"
        ),
    },
    "figS2": {
        "make": "population",
        "draw": "population_panels",
        "title": "Figure S2",
        "section": "4.1 Class identity along directions",
        "kinds": ["flat"],
        "reads": {"table": "scores/{kind}.csv", "forms": "scores/{kind}-form.csv", "moved": "scores/{kind}.zarr.zip"},
        "tables": {"numbers": "numbers", "form": "form of the curves"},
        "pictures": "the first two directions of several classes",
        "caption": (
            "As figure 2, along the flattest direction of the class's boundary. The paper finds that nothing happens "
            "along it. {shares}"
        ),
    },
}

#: Classes whose directions are shown as pictures.
SHOWN = 5

#: Colour of the median softmax.
SOFTMAX_COLOUR = "#009E73"


def population(table: pd.DataFrame, forms: pd.DataFrame, moved: Sequence[Store]) -> Shown:
    """Effect of a movement along the first direction of a class on all images, class by class.

    Args:
        table: scores and transitions, class by class.
        forms: symmetry, monotonicity and separability of the curves.
        moved: stores with pictures of the directions.
    """
    strips, panel_of = {}, {}
    for name, store in first_of(moved).items():
        vectors = store["directions"][:SHOWN]
        images = as_pictures(vectors.swapaxes(0, 1).reshape(-1, *vectors.shape[2:]))
        strips[name] = strip(images, 2 * store.record["classes"][:SHOWN])
        panel_of[name] = store.record["shown"]
    table = table.assign(drawn=table["class"] == table["experiment"].map(panel_of))
    return Shown({"numbers": table, "form": forms}, strips, {"shares": shares(table, forms)})


def population_panels(numbers: pd.DataFrame, pictures: Mapping[str, Strip]) -> Figure:
    """Draw scores, transitions and directions of one class per experiment."""
    names = list(numbers["experiment"].unique())
    figure, columns = panels(names, [1, 1, 0.8])
    for name, (top, middle, bottom) in zip(names, columns, strict=True):
        mine = aligned(numbers[(numbers["experiment"] == name) & numbers["drawn"]])
        population_scores(mine, top)
        top.set_title(f"{lines_of(name)}\nclass {short(mine['class'].iloc[0])}")
        population_transitions(mine, middle)
        in_rows(pictures[name], bottom, rows=("first", "second"))
    return figure


def population_scores(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the median scores of one class and of its strongest rival, with their 30th to 70th percentiles.

    Args:
        table: columns s, target_p30, target_p50, target_p70 and rival_ likewise.
        ax: axes to draw on.
    """
    lines = {"target": (ATTACK_COLOUR, "target class"), "rival": (IMAGE_COLOUR, "strongest other")}
    for name, (colour, label) in lines.items():
        plot_over_repetitions(ax, table, "s", f"{name}_p50", color=colour, label=label)
        low, high = (table.groupby("s")[f"{name}_p{percentile}"].mean() for percentile in (30, 70))
        ax.fill_between(low.index, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel=MOVEMENT, ylabel="class score (logit)", xlim=(table["s"].min(), table["s"].max()))
    legend_below(ax)


def population_transitions(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the fractions of images that the movement carries into the target class, and of those that stay in it.

    A line without any value is neither drawn nor in the legend: no carried image means no softmax.

    Args:
        table: columns s, carried and stays with _ci_low and _ci_high, softmax_median, of one class.
        ax: axes to draw on.
    """
    lines = {
        "carried": (ATTACK_COLOUR, "-", "", "other images carried in"),
        "stays": ("black", (0, (4, 2)), "", "own images that stay"),
        # With markers, because images carried at a single step give a point and no line.
        "softmax_median": (SOFTMAX_COLOUR, "-", ".", "median softmax if carried"),
    }
    for name, (colour, style, marker, label) in lines.items():
        if table[name].isna().all():
            continue
        bounds = (f"{name}_ci_low", f"{name}_ci_high") if f"{name}_ci_low" in table else None
        look = {"color": colour, "linestyle": style, "marker": marker, "label": label}
        plot_over_repetitions(ax, table, "s", name, bounds, band=0.15, **look)
    ax.set(xlabel=MOVEMENT, ylabel="fraction", ylim=(-0.02, 1.02), xlim=(table["s"].min(), table["s"].max()))
    legend_below(ax)


def aligned(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the directions of all repetitions to the side of the first; the sign of an eigenvector means nothing.

    Args:
        table: columns seed, s, target_p50 and others, of one class.
    """
    parts = [part for _, part in table.groupby("seed", sort=False)]
    reference, found = parts[0]["target_p50"].to_numpy(), []
    for part in parts:
        curve = part["target_p50"].to_numpy()
        turned = np.corrcoef(curve[::-1], reference)[0, 1] > np.corrcoef(curve, reference)[0, 1]
        found.append(part.iloc[::-1].assign(s=part["s"].to_numpy()) if turned else part)
    return pd.concat(found)
