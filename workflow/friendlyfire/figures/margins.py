"""Margins within blocks of consecutive directions of each basis."""

import pandas as pd
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import bases_legend, basis_colours, panels, plain_decades, plot_over_repetitions
from friendlyfire.figures.shown import Legend, Shown

FIGURES = {
    "margins": {
        "make": "margins",
        "draw": "profiles",
        "title": "Margin profile",
        "section": "6 Beyond the paper",
        "bases": ["margins"],
        "reads": {"table": "margins/{basis}.csv"},
        "tables": {"numbers": "numbers"},
        "caption": (
            "Median margin of the network within blocks of consecutive directions of each basis ({images}): the norm "
            "of DeepFool confined to the block, without its overshoot, of pixels in [0, 1] (G. Ortiz-Jimenez and "
            "others, NeurIPS 2020). Small margins mark the directions that the network discriminates with. Cosines "
            "are in order of their frequency, and principal components in order of their variance. Least success in "
            "a block: {success}. A line ends where half of the attacks fail. Bands: 95 % intervals of the medians."
        ),
        "options": {
            "margins": {
                "default": [],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": (
                    "bases whose blocks of directions the margins are measured in, such as dct; an empty list leaves "
                    "the experiment out"
                ),
            },
        },
    },
}


def margins(table: pd.DataFrame) -> Shown:
    """Margins by the directions of the block.

    Args:
        table: median margins of each block of each basis.
    """
    least = table.groupby("experiment", sort=False)["success"].min()
    success = "; ".join(f"{name}: {value:.1%}" for name, value in least.items())
    return Shown({"numbers": table}, words={"success": success, "images": image_counts(table)})


def profiles(numbers: pd.DataFrame, legend: Legend) -> Figure:
    """Draw the median margin against the middle of its block, one line per basis."""
    colours, names = basis_colours(numbers["basis"].unique(), legend), list(numbers["experiment"].unique())
    figure, axes = panels(names)
    numbers = numbers.assign(middle=(numbers["first"] + numbers["last"]) / 2)
    for name, (ax,) in zip(names, axes, strict=True):
        for basis, line in numbers[numbers["experiment"] == name].groupby("basis", sort=False):
            bounds = ("margin_ci_low", "margin_ci_high")
            plot_over_repetitions(ax, line, "middle", "margin", bounds, color=colours[basis], marker="o")
        ax.set(yscale="log", xlabel="middle of the block (direction)", xlim=(0, None))
        ax.set_ylabel("median margin, L2\n(pixels in [0, 1])")
        plain_decades(ax)
    bases_legend(figure, colours, [], legend)
    return figure
