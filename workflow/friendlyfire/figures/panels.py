"""Figures as functions of tables: ``(table, ax) -> None``. They plot what a table says and compute nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

#: Label and colour of each basis. Colours are Okabe and Ito's, controls are grey.
Legend = Mapping[str, Mapping[str, str]]

#: Colour and name of each kind of singular values.
SINGULAR = {"deepfool": ("#E69F00", "DeepFool perturbations"), "pca": ("#555555", "images")}

#: Colour of a learning curve, and of the median softmax.
LEARNING_COLOUR, SOFTMAX_COLOUR = "#0072B2", "#009E73"

#: The paper's colours of figure 5.
ATTACK_COLOUR, IMAGE_COLOUR = "#0072B2", "#D55E00"

#: Colour of all classes that have none of their own.
OTHERS = "#BBBBBB"

#: Test is what matters; training is beside it.
SPLITS = {"test": "-", "train": (0, (1.5, 1.2))}

#: What the legends call them: accuracy on the images that trained the network says nothing of others.
SPLIT_NAMES = {"test": "measured images", "train": "training images (in-sample)"}

#: Width and height of a panel in inches.
PANEL = (2.75, 2.2)


def basis_colours(bases: Sequence[str], legend: Legend) -> dict[str, str]:
    """The colour of each basis; those of resampled perturbations are darker shades of the one of all perturbations."""
    found = {basis: legend[basis]["colour"] for basis in bases if basis in legend}
    for parent, kind in legend.items():
        shades = [basis for basis in bases if basis not in legend and basis.startswith(f"{parent}-")]
        found |= zip(shades, sns.dark_palette(kind["colour"], len(shades) + 2, reverse=True)[1:-1], strict=True)
    return {basis: found[basis] for basis in bases}


def basis_name(basis: str, legend: Legend) -> str:
    """What legends call a basis."""
    if basis in legend:
        return legend[basis]["label"]
    parent, side = basis.removesuffix("px").rsplit("-", 1)
    return f"{legend[parent]['label']}, at {side} pixels"


def accuracy_against_directions(table: pd.DataFrame, ax: Axes, x: str, colours: Mapping[str, Any]) -> None:
    """Accuracy in % on projected images, a line a basis and split, with 95 % bands on the test lines.

    Args:
        table: columns basis, split, accuracy, ci_low, ci_high, and ``x``.
        ax: where to draw.
        x: ``directions_per_class`` or ``rank``.
        colours: of the bases.
    """
    for (basis, split), line in table.groupby(["basis", "split"], sort=False):
        ax.plot(
            line[x],
            100 * line["accuracy"],
            color=colours[basis],
            linestyle=SPLITS[split],
            linewidth=1.6 if split == "test" else 0.9,
        )
        if split == "test":
            ax.fill_between(
                line[x], 100 * line["ci_low"], 100 * line["ci_high"], color=colours[basis], alpha=0.2, linewidth=0
            )
    ax.set(ylim=(0, 101), xlim=(0, table[x].max()), ylabel="accuracy (%)")


def fractions_against_directions(table: pd.DataFrame, ax: Axes, x: str, colours: Mapping[str, Any]) -> None:
    """Mean fraction of the perturbations' norm inside the subspaces, a line a basis with its 95 % band.

    Args:
        table: columns basis, fraction, ci_low, ci_high, and ``x``, of one attack.
        ax: where to draw.
        x: ``directions_per_class`` or ``rank``.
        colours: of the bases.
    """
    for basis, line in table.groupby("basis", sort=False):
        marker = "." if line["ci_low"].isna().all() else None  # too few perturbations for an interval
        ax.plot(line[x], line["fraction"], color=colours[basis], marker=marker)
        ax.fill_between(line[x], line["ci_low"], line["ci_high"], color=colours[basis], alpha=0.2, linewidth=0)
    ax.set(ylim=(0, 1.01), xlim=(0, table[x].max()))


def accuracy_against_fraction(table: pd.DataFrame, ax: Axes, colours: Mapping[str, Any]) -> None:
    """Accuracy of the projected images against the fraction of the attack's norm inside, a line a basis.

    Args:
        table: columns basis, rank, fraction, accuracy, ci_low, ci_high.
        ax: where to draw.
        colours: of the bases.
    """
    for basis, line in table.groupby("basis", sort=False):
        ax.plot(line["fraction"], 100 * line["accuracy"], color=colours[basis], marker="o")
        ax.fill_between(
            line["fraction"], 100 * line["ci_low"], 100 * line["ci_high"], color=colours[basis], alpha=0.2, linewidth=0
        )
    ax.set(xlim=(0, 1.01), ylim=(0, 101), xlabel="fraction of DeepFool's norm inside", ylabel="accuracy (%)")


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


def score_curves(table: pd.DataFrame, ax: Axes, colours: Mapping[str, Any]) -> None:
    """One class's score along a direction, a curve an image, each stretch in the colour of the predicted class.

    Args:
        table: columns image, s, score, predicted, of one class and direction.
        ax: where to draw.
        colours: of class names; the others are grey.
    """
    for _, curve in table.groupby("image", sort=False):
        points = curve[["s", "score"]].to_numpy()
        segments = np.stack([points[:-1], points[1:]], axis=1)
        ax.add_collection(
            LineCollection(
                segments,
                colors=[colours.get(name, OTHERS) for name in curve["predicted"][1:]],
                linewidths=0.7,
                alpha=0.8,
            )
        )
    ax.autoscale_view()
    ax.set(xlabel="s, movement along the direction (pixels)", ylabel=f"score of {table['class'].iloc[0]}")


def class_colours(names: Sequence[str]) -> dict[str, Any]:
    """A colour for each class name."""
    return dict(zip(names, sns.color_palette("husl" if len(names) > 10 else "tab10", len(names)), strict=True))


def population_scores(table: pd.DataFrame, ax: Axes) -> None:
    """Median score of the target and of its strongest rival, with their 30th to 70th percentiles, of one class.

    Args:
        table: columns s, target_p30, target_p50, target_p70 and rival_ likewise.
        ax: where to draw.
    """
    lines = {"target": (ATTACK_COLOUR, "target class"), "rival": (IMAGE_COLOUR, "strongest other")}
    for name, (colour, label) in lines.items():
        ax.plot(table["s"], table[f"{name}_p50"], color=colour, label=label)
        ax.fill_between(table["s"], table[f"{name}_p30"], table[f"{name}_p70"], color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel="s (pixels)", ylabel="class score", xlim=(table["s"].min(), table["s"].max()))
    ax.legend()


def population_transitions(table: pd.DataFrame, ax: Axes) -> None:
    """Shares of the images that the movement carries into the target class, and of those that stay in it.

    Args:
        table: columns s, carried and stays with _ci_low and _ci_high, softmax_median, of one class.
        ax: where to draw.
    """
    lines = {
        "carried": (ATTACK_COLOUR, "-", "others carried into it"),
        "stays": ("black", (0, (4, 2)), "its own that stay"),
    }
    for name, (colour, style, label) in lines.items():
        low, high = table[f"{name}_ci_low"], table[f"{name}_ci_high"]
        ax.plot(table["s"], table[name], color=colour, linestyle=style, label=label)
        ax.fill_between(table["s"], low, high, color=colour, alpha=0.15, linewidth=0)
    ax.plot(table["s"], table["softmax_median"], color=SOFTMAX_COLOUR, label="median softmax of the carried")
    ax.set(xlabel="s (pixels)", ylabel="fraction", ylim=(-0.02, 1.02), xlim=(table["s"].min(), table["s"].max()))
    ax.legend(fontsize=6)


def pictures(images: np.ndarray, labels: Sequence[str], ax: Axes, rows: int = 1) -> None:
    """Pictures beside each other in ``rows`` rows, each with its label below.

    Args:
        images: (n, channels, height, width), in [0, 1]; what is beyond is clipped.
        labels: n texts.
        ax: where to draw.
        rows: of pictures.
    """
    height, width = images.shape[2:]
    gap, across = max(1, width // 8), -(-len(images) // rows)
    for i, (image, label) in enumerate(zip(np.clip(images, 0, 1), labels, strict=True)):
        left, top = (i % across) * (width + gap), (i // across) * (height * 1.3)
        ax.imshow(
            image.transpose(1, 2, 0).squeeze(),
            cmap="gray",
            vmin=0,
            vmax=1,
            interpolation="nearest",
            extent=(left, left + width, top + height, top),
        )
        ax.text(left + width / 2, top + height * 1.02, label, ha="center", va="top", fontsize=5.5)
    ax.set(xlim=(0, across * (width + gap)), ylim=(rows * height * 1.3, 0), aspect="equal")
    ax.set_axis_off()


def as_pictures(directions: np.ndarray) -> np.ndarray:
    """Directions (n, channels, height, width) scaled so that zero is grey and the largest value black or white."""
    return directions / (2 * np.abs(directions).max((1, 2, 3), keepdims=True)) + 0.5


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
        colour, name = SINGULAR[kind]
        ax.plot(line["index"], line["value"] / line["value"].max(), color=colour, label=name)
    ax.set(
        yscale="log",
        xlabel="direction, by singular value",
        ylabel="singular value / largest",
        xlim=(1, table["index"].max()),
    )
    ax.legend()


def learning_curve(table: pd.DataFrame, ax: Axes) -> None:
    """Training (in-sample) and test accuracy in % after each epoch, with a 95 % band on the latter."""
    colour = LEARNING_COLOUR
    for split, style in SPLITS.items():
        ax.plot(
            table["epoch"], 100 * table[f"{split}_accuracy"], color=colour, linestyle=style, label=SPLIT_NAMES[split]
        )
    low, high = 100 * table["test_ci_low"], 100 * table["test_ci_high"]
    ax.fill_between(table["epoch"], low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel="epoch", ylabel="accuracy (%)", xlim=(1, max(2, table["epoch"].max())))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="lower right")


def panels(names: Sequence[str], heights: Sequence[float] = (1,), columns: int = 4) -> tuple[Figure, list[list[Axes]]]:
    """A figure with a column of panels for each name, lettered a, b, c ... and titled.

    Args:
        names: experiments, one a column; they wrap after ``columns``.
        heights: of the panels of one name, from top to bottom, 1 being the usual.
        columns: names beside each other at most.

    Returns:
        The figure, and for each name its panels from top to bottom.
    """
    across, rows = min(len(names), columns), len(heights)
    down = -(-len(names) // across)
    figure, grid = plt.subplots(
        down * rows,
        across,
        figsize=(PANEL[0] * max(across, 1.6), PANEL[1] * down * sum(heights)),
        height_ratios=[*heights] * down,
        squeeze=False,
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


def bases_legend(figure: Figure, colours: Mapping[str, Any], splits: Sequence[str], legend: Legend) -> None:
    """The legend of all panels, below them: colours are bases, line styles are splits."""
    handles = [Line2D([], [], color=colour, label=basis_name(basis, legend)) for basis, colour in colours.items()]
    handles += [Line2D([], [], color="black", linestyle=SPLITS[split], label=SPLIT_NAMES[split]) for split in splits]
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
