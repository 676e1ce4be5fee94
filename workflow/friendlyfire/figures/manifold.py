"""Margins within the first principal components and within their complement."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import (
    ATTACK_COLOUR,
    IMAGE_COLOUR,
    legend_below,
    panels,
    plain_decades,
    plot_over_repetitions,
)
from friendlyfire.figures.shown import Shown

FIGURES = {
    "manifold": {
        "make": "manifold",
        "draw": "on_and_off",
        "title": "Manifold",
        "section": "6 Beyond the paper",
        "bases": ["manifold"],
        "reads": {"table": "manifold/{basis}.csv"},
        "tables": {"numbers": "numbers"},
        "caption": (
            "Median margin within the fewest principal components that hold a fraction of the images' variance, and "
            "within their complement ({images}): the norm of DeepFool confined to either, without its overshoot, of "
            "pixels in [0, 1]. Dashed: at equal dimension, the larger side replaced by a random subspace of it. A. "
            "Shamir and others (2021) say that attacks within the images' manifold are far larger than attacks off "
            "it. {ratios} Bands: 95 % intervals of the medians."
        ),
        "options": {
            "manifold": {
                "default": [],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": (
                    "bases whose first directions, by the sum of squared scores, and their complement the margins are "
                    "measured in: pca; an empty list leaves the experiment out"
                ),
            },
        },
    },
}

#: Colour, line style and legend entry of each side.
LOOKS = {
    "on": (IMAGE_COLOUR, "-", "within the components"),
    "on-equal": (IMAGE_COLOUR, "--", "within, equal dimension"),
    "off": (ATTACK_COLOUR, "-", "within the complement"),
    "off-equal": (ATTACK_COLOUR, "--", "complement, equal dimension"),
}


def manifold(table: pd.DataFrame) -> Shown:
    """Margins on and off the plane of the images, by the variance that it holds.

    Args:
        table: median margins of each side at each fraction of the variance.
    """
    means = table.groupby(["experiment", "basis", "variance", "side"], sort=False)["margin"].mean().unstack("side")
    ratios = (means["on-equal"] / means["off-equal"]).dropna()
    parts = [
        f"{experiment}, {basis}: {', '.join(f'{ratio:.2g} at {key[2]:.0%}' for key, ratio in part.items())}"
        for (experiment, basis), part in ratios.groupby(level=[0, 1], sort=False)
    ]
    words = f"Within over off, at equal dimension: {'; '.join(parts)} of the variance." if parts else ""
    return Shown({"numbers": table}, words={"ratios": words, "images": image_counts(table)})


def on_and_off(numbers: pd.DataFrame) -> Figure:
    """Draw the median margins of both sides against the fraction of the variance, a panel per basis."""
    names, bases = list(numbers["experiment"].unique()), list(numbers["basis"].unique())
    figure, axes = panels(names, [1] * len(bases))
    for name, column in zip(names, axes, strict=True):
        for basis, ax in zip(bases, column, strict=True):
            mine = numbers[(numbers["experiment"] == name) & (numbers["basis"] == basis)]
            margins_of_sides(mine, ax)
            ax.set_xlabel(f"variance held (%), basis {basis}")
    return figure


def margins_of_sides(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the median margin within each side against the fraction of the variance, with 95 % bands.

    Args:
        table: columns variance, side, margin, margin_ci_low, margin_ci_high, of one basis.
        ax: axes to draw on.
    """
    for side, line in table.groupby("side", sort=False):
        colour, style, label = LOOKS[side]
        bounds = ("margin_ci_low", "margin_ci_high") if style == "-" else None
        percent = line.assign(percent=100 * line["variance"])
        look = {"color": colour, "linestyle": style, "label": label, "marker": "o"}
        plot_over_repetitions(ax, percent, "percent", "margin", bounds, **look)
    ax.set(yscale="log", ylabel="median margin, L2\n(pixels in [0, 1])", xlim=(None, 100))
    plain_decades(ax)
    legend_below(ax)
