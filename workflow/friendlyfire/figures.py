"""Figures as functions of tables: ``(table, ax) -> None``. They plot what a table says and compute nothing."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

#: One colour a basis, wherever it appears (Okabe and Ito's, told apart by the colour-blind); controls are grey.
PALETTE = {
    "curvature-positive": "#D55E00",
    "curvature-negative": "#0072B2",
    "curvature-extreme": "#CC79A7",
    "curvature-flat": "#009E73",
    "deepfool-high": "#D55E00",
    "deepfool-low": "#009E73",
    "pca": "#555555",
    "dct": "#8C6D31",
    "random": "#AAAAAA",
}

#: What the legends call them.
NAMES = {
    "curvature-positive": "most positive curvature",
    "curvature-negative": "most negative curvature",
    "curvature-extreme": "both (twice as many)",
    "curvature-flat": "flattest",
    "deepfool-high": "DeepFool, high to low",
    "deepfool-low": "DeepFool, low to high",
    "pca": "images' principal components (control)",
    "dct": "cosines, low to high frequency (control)",
    "random": "random directions (control)",
}

#: What the axes call the attacks.
ATTACK_NAMES = {"deepfool": "DeepFool", "fgsm": "FGSM", "uap": "UAP", "saliency": "saliency"}

#: The paper's colours of figure 5.
ATTACK_COLOUR, IMAGE_COLOUR = "#0072B2", "#D55E00"

#: Test is what matters; training is beside it.
SPLITS = {"test": "-", "train": (0, (1.5, 1.2))}

#: Width and height of a panel in inches.
PANEL = (2.75, 2.2)


def accuracy_against_directions(table: pd.DataFrame, ax: Axes, x: str) -> None:
    """Accuracy in % on projected images, a line a basis and split, with 95 % bands on the test lines.

    Args:
        table: columns basis, split, accuracy, ci_low, ci_high, and ``x``.
        ax: where to draw.
        x: ``directions_per_class`` or ``rank``.
    """
    for (basis, split), line in table.groupby(["basis", "split"], sort=False):
        ax.plot(
            line[x],
            100 * line["accuracy"],
            color=PALETTE[basis],
            linestyle=SPLITS[split],
            linewidth=1.6 if split == "test" else 0.9,
        )
        if split == "test":
            ax.fill_between(
                line[x], 100 * line["ci_low"], 100 * line["ci_high"], color=PALETTE[basis], alpha=0.2, linewidth=0
            )
    ax.set(ylim=(0, 101), xlim=(0, table[x].max()), ylabel="accuracy (%)")


def fractions_against_directions(table: pd.DataFrame, ax: Axes, x: str) -> None:
    """Mean fraction of the perturbations' norm inside the subspaces, a line a basis with its 95 % band.

    Args:
        table: columns basis, fraction, ci_low, ci_high, and ``x``, of one attack.
        ax: where to draw.
        x: ``directions_per_class`` or ``rank``.
    """
    for basis, line in table.groupby("basis", sort=False):
        ax.plot(line[x], line["fraction"], color=PALETTE[basis])
        ax.fill_between(line[x], line["ci_low"], line["ci_high"], color=PALETTE[basis], alpha=0.2, linewidth=0)
    ax.set(ylim=(0, 1.01), xlim=(0, table[x].max()))


def confined_norms(table: pd.DataFrame, ax: Axes) -> None:
    """Mean norm of the confined attacks, and of the projected images, against the rank, with 95 % bands.

    Args:
        table: columns rank, norm and image_norm with _ci_low and _ci_high, of one basis.
        ax: where to draw.
    """
    for name, colour, label in (
        ("norm", ATTACK_COLOUR, "confined attack"),
        ("image_norm", IMAGE_COLOUR, "projected image"),
    ):
        ax.plot(table["rank"], table[name], color=colour, label=label, marker="o")
        ax.fill_between(
            table["rank"], table[f"{name}_ci_low"], table[f"{name}_ci_high"], color=colour, alpha=0.2, linewidth=0
        )
    ax.set(yscale="log", ylabel="mean norm (pixels)", xlim=(0, table["rank"].max() * 1.02))
    ax.legend()


def picture_strip(ranks: np.ndarray, attacks: np.ndarray, images: np.ndarray, ax: Axes) -> None:
    """Attacks in a row, each rescaled to fill grey to black and white, above the projected images.

    Args:
        ranks: (r,) written below.
        attacks: (r, channels, height, width).
        images: likewise, pixels in [0, 1]; what is beyond is clipped.
        ax: where to draw.
    """
    largest = np.abs(attacks).max((1, 2, 3), keepdims=True)
    rows = [attacks / np.where(largest > 0, 2 * largest, 1) + 0.5, np.clip(images, 0, 1)]
    height, width = images.shape[2:]
    # A pixel or two of white between the pictures.
    gap = max(1, width // 12)
    padded = [np.pad(row, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=1) for row in rows]
    mosaic = np.concatenate([np.concatenate(list(row), axis=2) for row in padded], axis=1).transpose(1, 2, 0)
    ax.imshow(mosaic.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([(width + gap) * i + width / 2 for i in range(len(ranks))], [str(rank) for rank in ranks])
    ax.set_yticks([height / 2, height * 1.5 + gap], ["attack", "image"])
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)


def eigenvalues(table: pd.DataFrame, ax: Axes) -> None:
    """Eigenvalues of the mean Hessians against their order, a line a class, on a scale that is linear about 0."""
    classes = list(table["class"].unique())
    colours = sns.color_palette("viridis", len(classes))
    for name, colour in zip(classes, colours, strict=True):
        line = table[table["class"] == name]
        ax.plot(line["index"], line["value"], color=colour, linewidth=0.9, label=name)
    ax.axhline(0, color="black", linewidth=0.5)
    if len(classes) <= 10:
        ax.legend(title="into class", ncols=2, fontsize=6, title_fontsize=6, handlelength=1, columnspacing=1)
    ax.set(
        xlabel="direction, from most positive to most negative curvature",
        ylabel="mean curvature (logits / pixel²)",
        xlim=(1, table["index"].max()),
    )


def singular_values(table: pd.DataFrame, ax: Axes) -> None:
    """Singular values as fractions of the largest, of the perturbations and of the images."""
    for kind, line in table.groupby("spectrum", sort=False):
        colour, name = (
            (PALETTE["deepfool-high"], "DeepFool perturbations") if kind == "deepfool" else (PALETTE["pca"], "images")
        )
        ax.plot(line["index"], line["value"] / line["value"].max(), color=colour, label=name)
    ax.set(
        yscale="log",
        xlabel="direction, by singular value",
        ylabel="singular value / largest",
        xlim=(1, table["index"].max()),
    )
    ax.legend()


def learning_curve(table: pd.DataFrame, ax: Axes) -> None:
    """Training and test accuracy in % after each epoch."""
    for split, style in SPLITS.items():
        colour, low, high = (
            PALETTE["curvature-negative"],
            100 * table[f"{split}_ci_low"],
            100 * table[f"{split}_ci_high"],
        )
        ax.plot(table["epoch"], 100 * table[f"{split}_accuracy"], color=colour, linestyle=style, label=split)
        ax.fill_between(table["epoch"], low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel="epoch", ylabel="accuracy (%)", xlim=(1, max(2, table["epoch"].max())))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="lower right")


def panels(names: Sequence[str], rows: int = 1, columns: int = 4) -> tuple[Figure, list[list[Axes]]]:
    """A figure with a column of ``rows`` panels for each name, lettered a, b, c ... and titled.

    Args:
        names: experiments, one a column; with one row they wrap after ``columns``.
        rows: panels for each name.
        columns: names beside each other at most.

    Returns:
        The figure, and for each name its panels from top to bottom.
    """
    across = min(len(names), columns)
    down = -(-len(names) // across)
    figure, grid = plt.subplots(
        down * rows, across, figsize=(PANEL[0] * max(across, 1.6), PANEL[1] * down * rows), squeeze=False
    )
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    found = []
    for position, name in enumerate(names):
        block, column = divmod(position, across)
        column_axes = [grid[block * rows + row][column] for row in range(rows)]
        column_axes[0].set_title(name)
        for ax in column_axes:
            ax.set_title(next(letters), loc="left", fontweight="bold")
        found.append(column_axes)
    for position in range(len(names), down * across):
        for row in range(rows):
            grid[position // across * rows + row][position % across].set_axis_off()
    return figure, found


def bases_legend(figure: Figure, bases: Sequence[str], splits: Sequence[str]) -> None:
    """The legend of all panels, below them: colours are bases, line styles are splits."""
    handles = [Line2D([], [], color=PALETTE[basis], label=NAMES[basis]) for basis in bases]
    handles += [Line2D([], [], color="black", linestyle=SPLITS[split], label=f"{split} images") for split in splits]
    width, height = figure.get_size_inches()
    columns = max(2, int(width // 2.6))
    # The legend takes its own room, not the panels'.
    figure.set_size_inches(width, height + 0.17 * -(-len(handles) // columns))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def draw(figure_of: Callable[[], Figure], style: str, outputs: Sequence[str]) -> None:
    """Make a figure in the style of a file, and save it under each of the names in ``outputs``."""
    plt.switch_backend("agg")
    with plt.style.context(style):
        figure = figure_of()
        for path in outputs:
            # No dates: the same table gives the same bytes.
            figure.savefig(path, metadata={"CreationDate": None} if path.endswith(".pdf") else {"Software": None})
        plt.close(figure)
