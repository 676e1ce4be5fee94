"""Figure 5: norms of confined attacks and of projected images, with pictures of both."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import (
    ATTACK_COLOUR,
    IMAGE_COLOUR,
    as_pictures,
    basis_name,
    first_of,
    in_rows,
    legend_below,
    panels,
    plain_decades,
    plot_over_repetitions,
)
from friendlyfire.figures.shown import Legend, Shown, Strip, strip
from friendlyfire.records.stores import Store

FIGURES = {
    "fig5": {
        "make": "confined",
        "draw": "norms_and_pictures",
        "title": "Figure 5",
        "section": "4.3 Classification and attack",
        "bases": ["fig5"],
        "reads": {"table": "confinement/{basis}.csv", "kept": "confinement/{basis}.zarr.zip"},
        "tables": {"numbers": "numbers"},
        "pictures": "attacks and images, confined",
        "caption": (
            "Norms of DeepFool confined to the first k singular vectors of free DeepFool perturbations (section 4.3, "
            "figure 5), from the highest singular value and from the lowest, and norms of the mean-subtracted images "
            "projected onto the same subspaces ({images}). Median success: {success}. The paper finds that the "
            "attack is small where the image is recognisable in the subspace, and large where it is not. Norms are "
            "Euclidean, of pixels in [0, 1]. Bands: 95 % intervals of the means. Below each panel: the attack on one "
            "image (rescaled) and that image, projected, with the number of directions below each picture."
        ),
        "options": {
            "fig5": {
                "default": ["deepfool-high", "deepfool-low"],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": "bases of figure 5; an empty list leaves the experiment out",
            },
        },
    },
}

#: Number of pictures below a panel, spread along its axis.
SHOWN = 6


def confined(table: pd.DataFrame, kept: Sequence[Store]) -> Shown:
    """Norms of confined attacks and of projected images, by the rank.

    Args:
        table: norms at each rank.
        kept: stores with pictures of attacks and images.
    """
    strips = {}
    for key, store in first_of(kept, "basis").items():
        ranks, attacks, images = store["ranks"], store["perturbations"][:, 0], store["projections"][:, 0]
        chosen = sorted({round(i * (len(ranks) - 1) / (SHOWN - 1)) for i in range(SHOWN)})
        labels = [f"{rank}" for rank in ranks[chosen]]
        strips["/".join(key)] = strip(np.concatenate([as_pictures(attacks[chosen]), images[chosen]]), labels * 2)
    success = "; ".join(
        f"{name}: {value:.1%}" for name, value in table.groupby("experiment", sort=False)["success"].median().items()
    )
    return Shown({"numbers": table}, strips, {"success": success, "images": image_counts(table)})


def norms_and_pictures(numbers: pd.DataFrame, pictures: Mapping[str, Strip], legend: Legend) -> Figure:
    """Draw the norms against the rank, and below each panel the pictures."""
    names, bases = list(numbers["experiment"].unique()), list(numbers["basis"].unique())
    figure, columns = panels(names, [1, 0.8] * len(bases))
    for name, axes in zip(names, columns, strict=True):
        mine = numbers[numbers["experiment"] == name]
        for basis, plot, below in zip(bases, axes[::2], axes[1::2], strict=True):
            confined_norms(mine[mine["basis"] == basis], plot)
            plot.set_xlabel(f"directions ({basis_name(basis, legend)})")
            in_rows(pictures[f"{name}/{basis}"], below, rows=("attack", "image"))
    return figure


def confined_norms(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the mean norms of confined attacks and of projected images against the rank, with 95 % bands.

    Args:
        table: columns rank, norm and image_norm with _ci_low and _ci_high, of one basis.
        ax: axes to draw on.
    """
    for name, colour, label in (
        ("norm", ATTACK_COLOUR, "confined attack"),
        ("image_norm", IMAGE_COLOUR, "projected image"),
    ):
        bounds = (f"{name}_ci_low", f"{name}_ci_high")
        plot_over_repetitions(ax, table, "rank", name, bounds, color=colour, label=label, marker="o")
    ax.set(yscale="log", ylabel="mean L2 norm\n(pixels in [0, 1])", xlim=(0, table["rank"].max() * 1.02))
    plain_decades(ax)
    legend_below(ax)
