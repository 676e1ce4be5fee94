"""Energy of attacks by radial frequency, and the Fourier heat map of the network."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import OTHERS, legend_below, panels, plot_over_repetitions
from friendlyfire.figures.shown import Shown
from friendlyfire.measures.energies import IMAGES

FIGURES = {
    "frequency": {
        "make": "frequency",
        "draw": "energies_and_map",
        "title": "Frequency",
        "section": "6 Beyond the paper",
        "experiments": "figures.frequency",
        "reads": {"energy": "energies/energies.csv", "errors": "heatmap/heatmap.csv"},
        "tables": {"numbers": "numbers", "heatmap": "heat map"},
        "uses": ["attacks"],
        "caption": (
            "Top: share of the energy of each attack, and of the images without their mean, by radial frequency "
            "({images}). Median half-power frequencies, in cycles per image: {half}. Bands: 95 % intervals of the "
            "means. Bottom: error of the network on images to which a wave of each frequency is added, with a random "
            "sign for each image and channel (D. Yin and others, NeurIPS 2019); frequency 0 is in the middle. Each "
            "map has a scale of its own. Norms are those of a channel, of pixels in [0, 1]. {errors}"
        ),
        "options": {
            "frequency": {
                "default": False,
                "type": "boolean",
                "description": "whether the experiment is in the figure of frequencies",
            },
        },
    },
}

#: Colours of the attacks in their order (Okabe and Ito); the images are grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def frequency(energy: pd.DataFrame, errors: pd.DataFrame) -> Shown:
    """Energies of the attacks by radial frequency, and the network's errors by frequency.

    Args:
        energy: energy of each attack at each radial frequency.
        errors: error of the network at each frequency.
    """
    half = energy.groupby(["experiment", "attack"], sort=False)["half_power"].mean()
    halves = "; ".join(
        f"{name}: " + ", ".join(f"{attack} {value:.2g}" for (_, attack), value in part.items())
        for name, part in half.groupby(level=0, sort=False)
    )
    errors = errors.reset_index(drop=True)
    worst = errors.loc[errors.groupby("experiment", sort=False)["error"].idxmax()]
    words = "; ".join(
        f"{row.experiment}: error {row.clean:.1%} on clean images, at most {row.error:.1%} with a wave of norm "
        f"{row.norm:.3g}, at {abs(row.u)} cycles down and {abs(row.v)} across, of {row.images:,} images"
        for row in worst.itertuples()
    )
    counts = image_counts(energy.query("role != 'directions'"))
    return Shown(
        {"numbers": energy, "heatmap": errors}, words={"half": halves, "errors": f"{words}.", "images": counts}
    )


def energies_and_map(numbers: pd.DataFrame, heatmap: pd.DataFrame, attacks: Mapping[str, str]) -> Figure:
    """Draw the energies above the heat map."""
    names = list(numbers["experiment"].unique())
    figure, columns = panels(names, [1, 1.1])
    for name, (top, bottom) in zip(names, columns, strict=True):
        energy_by_radius(numbers[numbers["experiment"] == name], top, attacks)
        error_map(heatmap[heatmap["experiment"] == name], bottom)
    return figure


def energy_by_radius(table: pd.DataFrame, ax: Axes, attacks: Mapping[str, str]) -> None:
    """Draw the share of energy against the radial frequency, one line per attack, with 95 % bands.

    Args:
        table: columns attack, radius, energy, ci_low, ci_high.
        ax: axes to draw on.
        attacks: label of each attack.
    """
    number = 0
    for attack, line in table.groupby("attack", sort=False):
        colour = OTHERS if attack == IMAGES else COLOURS[number % len(COLOURS)]
        number += attack != IMAGES
        look = {"color": colour, "label": attacks.get(attack, attack), "linewidth": 2.2 if attack == IMAGES else 1.4}
        plot_over_repetitions(ax, line, "radius", "energy", ("ci_low", "ci_high"), scale=100, **look)
    ax.set(xlabel="radial frequency (cycles per image)", ylabel="share of the energy (%)", ylim=(0, None))
    ax.set_xlim(0, table["radius"].max())
    legend_below(ax)


def error_map(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the error in % at each frequency, over the repetitions of the experiment, as a map.

    Args:
        table: columns u, v, error.
        ax: axes to draw on.
    """
    grid = 100 * table.pivot_table(index="u", columns="v", values="error", aggfunc="mean")
    u, v = grid.index.to_numpy(), grid.columns.to_numpy()
    edges = (v[0] - 0.5, v[-1] + 0.5, u[-1] + 0.5, u[0] - 0.5)
    image = ax.imshow(grid.to_numpy(), cmap="viridis", vmin=0, vmax=max(1, grid.to_numpy().max()), extent=edges)
    ax.figure.colorbar(image, ax=ax, label="error (%)", shrink=0.9)
    ax.set(xlabel="cycles across", ylabel="cycles down")
    ax.grid(False)
