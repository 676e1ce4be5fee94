"""Figure 5: norms of confined attacks and of projected images, with pictures of both."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.drawn import Drawn, Legend
from friendlyfire.figures.panels import (
    ATTACK_COLOUR,
    IMAGE_COLOUR,
    as_pictures,
    basis_name,
    first_of,
    legend_below,
    panels,
    pictures,
    plain_decades,
    plot_over_repetitions,
)
from friendlyfire.records.stores import Store

FIGURES = {
    "fig5": {
        "make": "confined",
        "title": "Figure 5",
        "section": "4.3 Classification and attack",
        "bases": ["fig5"],
        "reads": {"table": "confinement/{basis}.csv", "kept": "confinement/{basis}.zarr.zip"},
        "tables": {"csv": "numbers"},
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


def confined(table: pd.DataFrame, kept: Sequence[Store], legend: Legend) -> Drawn:
    """Draw the norms of confined attacks and of projected images against the rank.

    Args:
        table: norms at each rank.
        kept: stores with pictures of attacks and images.
        legend: legend of the bases.
    """
    strips = {}
    for key, store in first_of(kept, "basis").items():
        ranks, attacks, images = store["ranks"], store["perturbations"][:, 0], store["projections"][:, 0]
        chosen = sorted({round(i * (len(ranks) - 1) / (SHOWN - 1)) for i in range(SHOWN)})
        strips[key] = ranks[chosen], attacks[chosen], images[chosen]
    names, bases = list(table["experiment"].unique()), list(table["basis"].unique())

    def figure() -> Figure:
        figure, columns = panels(names, [1, 0.8] * len(bases))
        for name, axes in zip(names, columns, strict=True):
            for basis, plot, below in zip(bases, axes[::2], axes[1::2], strict=True):
                confined_norms(table[(table["experiment"] == name) & (table["basis"] == basis)], plot)
                plot.set_xlabel(f"number of directions ({basis_name(basis, legend)})")
                ranks, attacks, images = strips[name, basis]
                labels = [f"{rank}" for rank in [*ranks, *ranks]]
                pictures(np.concatenate([as_pictures(attacks), images]), labels, below, rows=("attack", "image"))
        return figure

    success = "; ".join(
        f"{name}: {value:.1%}" for name, value in table.groupby("experiment", sort=False)["success"].median().items()
    )
    return Drawn({"csv": table}, figure, {"success": success, "images": image_counts(table)})


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
