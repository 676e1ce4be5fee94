"""Networks by networks: how far the directions of attack of one are those of another."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import panel_letters
from friendlyfire.figures.shown import Shown
from friendlyfire.records.seeds import repetition

FIGURES = {
    "transfer": {
        "make": "transfer",
        "draw": "matrices",
        "title": "Transfer",
        "section": "5 Other networks",
        "lacks": "set figures.transfer to suite, and give the suite two networks, or repetitions of one (seeds), with "
        "images of the same shape: snakemake --cores all transfer --config 'figures={transfer: suite}'",
        "reads": {"table": "transfer/{theirs}.csv"},
        "tables": {"numbers": "numbers"},
        "thin": False,
        "caption": (
            "Networks (columns) on the first directions of attack of other networks (rows): as many singular vectors "
            "of a row's DeepFool perturbations as that network needs to keep 90 % of its accuracy ({images}). Left: "
            "accuracy that the column keeps on them, in % of its own on full images. Middle: fraction of the norm of "
            "the column's DeepFool perturbations inside, on held-out images. Right: overlap of these directions with "
            "as many of the column's own, the mean squared cosine of the principal angles; in brackets that of random "
            "directions, k / d. On the diagonal a network is measured on its own directions."
        ),
        "options": {
            "transfer": {
                "default": [],
                "description": "networks whose directions are compared with the experiment's: suite, for all of the "
                "suite with images of the same shape, or a list of experiments; an empty list leaves the experiment "
                "out",
                "anyOf": [{"const": "suite"}, {"type": "array", "uniqueItems": True, "items": {"type": "string"}}],
            },
        },
    },
}

#: Inches per cell of a matrix.
CELL = 0.55


def transfer(table: pd.DataFrame) -> Shown:
    """The accuracy that each network keeps, the fraction of its attacks inside, and the overlap, pair by pair.

    Args:
        table: a row per pair of networks.
    """
    kept = table["accuracy"] / table["full_accuracy"]
    numbers = table.assign(kept=kept)
    return Shown({"numbers": numbers}, words={"images": image_counts(table)})


def matrices(numbers: pd.DataFrame) -> Figure:
    """Draw three matrices for each group of networks with images of the same shape."""
    ours = [repetition(*names) for names in zip(numbers["experiment"], numbers["seed"], strict=True)]
    groups = groups_of(numbers.assign(ours=ours))
    sizes = [max(len(rows["theirs"].unique()), len(rows["ours"].unique())) for rows in groups]
    size = (3 * (CELL * max(sizes) + 1.2), sum(CELL * size + 1.1 for size in sizes))
    figure, axes = plt.subplots(len(groups), 3, figsize=size, squeeze=False, height_ratios=sizes)
    letters = panel_letters()
    for rows, (accuracy, fraction, overlap) in zip(groups, axes, strict=True):
        matrix(rows.assign(kept=100 * rows["kept"]), accuracy, "kept", ".0f", 100)
        matrix(rows, fraction, "fraction", ".2f", 1)
        matrix(rows, overlap, "overlap", ".2f", 1, beside="chance")
        for ax, title in zip(
            (accuracy, fraction, overlap),
            ("accuracy kept (%)", "DeepFool's norm inside", "overlap (random)"),
            strict=True,
        ):
            ax.set_title(next(letters), loc="left", fontweight="bold")
            ax.set_title(title)
            ax.set_xlabel("network")
        accuracy.set_ylabel("directions of")
    return figure


def groups_of(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each group of networks that are measured on each other's directions.

    Args:
        table: columns ours and theirs.
    """
    partners = table.groupby("ours", sort=False)["theirs"].agg(frozenset)
    return [table[table["ours"].map(partners) == group] for group in dict.fromkeys(partners)]


def matrix(table: pd.DataFrame, ax: Axes, column: str, form: str, top: float, beside: str | None = None) -> None:
    """Draw one number of each pair of networks as a coloured cell.

    Args:
        table: columns ours, theirs and ``column``.
        ax: axes to draw on.
        column: the number.
        form: its format.
        top: value of the darkest colour; 0 has the lightest.
        beside: a column whose number stands below it, in brackets.
    """
    rows, across = list(table["theirs"].unique()), list(table["ours"].unique())
    values = table.pivot(index="theirs", columns="ours", values=column).loc[rows, across].to_numpy()
    ax.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=top)
    for row in table.itertuples():
        value = getattr(row, column)
        text = f"{value:{form}}" if np.isfinite(value) else "none"
        if beside and np.isfinite(value):
            text += f"\n({getattr(row, beside):{form}})"
        colour = "white" if value > 0.6 * top else "black"
        ax.text(
            across.index(row.ours), rows.index(row.theirs), text, ha="center", va="center", color=colour, fontsize=6
        )
    ax.set_xticks(range(len(across)), across, rotation=45, ha="right", fontsize=6)
    ax.set_yticks(range(len(rows)), rows, fontsize=6)
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
