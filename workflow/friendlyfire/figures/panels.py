"""Figures as functions of tables: ``(table, ax) -> None``. They plot what a table says and compute nothing."""

import itertools
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

from friendlyfire.figures.captions import FEWEST

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

#: Colour of the class that a figure is of, and those of the other classes (P. Tol's muted scheme, told apart by the
#: colour-blind).
SHOWN_COLOUR = "#000000"
CLASS_COLOURS = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")

#: Test is what matters; training is beside it.
SPLITS = {"test": "-", "train": (0, (1.5, 1.2))}

#: What the legends call them: accuracy on the images that trained the network says nothing of others.
SPLIT_NAMES = {"test": "measured images", "train": "training images (in-sample)"}

#: What the axes call the length of a movement along a direction.
MOVEMENT = "s, L2 norm (pixels in [0, 1])"

#: Width and height of a panel in inches.
PANEL = (2.75, 2.2)

#: Size of the letters below pictures.
PICTURE_LETTERS = 5

#: Inches from a panel's axis down to its legend, past the axis label; of a row of a legend; and of one of its letters.
BELOW, LEGEND_ROW, LETTER = 0.42, 0.15, 0.056


def basis_colours(bases: Sequence[str], legend: Legend) -> dict[str, str]:
    """The colour of each basis; those of resampled perturbations are darker shades of the one of all perturbations."""
    found = {basis: legend[basis]["colour"] for basis in bases if basis in legend}
    for parent, kind in legend.items():
        shades = [basis for basis in bases if basis not in legend and basis.startswith(f"{parent}-")]
        found |= {basis: darker(kind["colour"], (n + 1) / (len(shades) + 1)) for n, basis in enumerate(shades)}
    return {basis: found[basis] for basis in bases}


def darker(colour: str, share: float) -> str:
    """A colour on its way to near black, the ``share`` of the way being in [0, 1]."""
    return to_hex([(1 - 0.85 * share) * part for part in to_rgb(colour)])


def basis_name(basis: str, legend: Legend) -> str:
    """What legends call a basis."""
    if basis in legend:
        return legend[basis]["label"]
    parent, side = basis.removesuffix("px").rsplit("-", 1)
    return f"{legend[parent]['label']}, at {side} pixels"


def short(name: str, letters: int = 22) -> str:
    """The name of a class for a legend: ImageNet's are lists of words, the first of which says enough."""
    first = name.split(",")[0]
    return first if len(first) <= letters else f"{first[: letters - 1].rstrip()}…"


def legend_below(ax: Axes, handles: Sequence[Line2D] | None = None, title: str | None = None) -> None:
    """The legend of one panel, below its axis label: nothing that a table can hold lies there.

    Args:
        ax: the panel, with its lines drawn.
        handles: of the legend; those of the panel's labelled lines unless given.
        title: of the legend.
    """
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    if not handles:
        return
    figure, place = ax.get_figure(), ax.get_subplotspec()
    width, height = figure.get_size_inches()
    widest = max(len(handle.get_label()) for handle in handles)
    room = width / place.get_gridspec().ncols - 0.4
    rows = -(-len(handles) // int(max(1, room // (0.36 + LETTER * widest))))
    if place.is_first_col():
        # The legend takes its own room, not the panels'.
        figure.set_size_inches(width, height + 0.08 + LEGEND_ROW * (rows + (title is not None)))
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=ax.transAxes + ScaledTranslation(0, -BELOW, figure.dpi_scale_trans),
        borderaxespad=0,
        ncols=-(-len(handles) // rows),
        title=title,
        title_fontsize=7,
        fontsize=7,
        handlelength=1.5,
        columnspacing=1,
    )


def dot_where_it_ends(line: pd.DataFrame, ax: Axes, x: str, y: pd.Series, colour: Any, end: float) -> None:
    """A dot at the last point of a line that ends before the axis does, so that the end is seen to be meant."""
    if line[x].iloc[-1] < end:
        ax.plot(line[x].iloc[-1], y.iloc[-1], color=colour, marker="o", markersize=3.5, clip_on=False, zorder=3)


def accuracy_against_directions(table: pd.DataFrame, ax: Axes, x: str, colours: Mapping[str, Any]) -> None:
    """Accuracy in % on projected images, a line a basis and split, with 95 % bands on the test lines.

    A dot ends the test line of a basis that has no more directions, if others have.

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
            dot_where_it_ends(line, ax, x, 100 * line["accuracy"], colours[basis], table[x].max())
    ax.set(ylim=(0, 101), xlim=(0, table[x].max()), ylabel="accuracy (%)")


def fractions_against_directions(table: pd.DataFrame, ax: Axes, x: str, colours: Mapping[str, Any]) -> None:
    """Mean fraction of the perturbations' norm inside the subspaces, a line a basis with its 95 % band.

    Where there are too few perturbations for an interval, the points are marked and there is no band.

    Args:
        table: columns basis, fraction, ci_low, ci_high, perturbations, and ``x``, of one attack.
        ax: where to draw.
        x: ``directions_per_class`` or ``rank``.
        colours: of the bases.
    """
    for basis, line in table.groupby("basis", sort=False):
        colour = colours[basis]
        if line["perturbations"].max() < FEWEST:
            ax.plot(line[x], line["fraction"], color=colour, linewidth=0.7, marker=".")
        else:
            ax.plot(line[x], line["fraction"], color=colour)
            ax.fill_between(line[x], line["ci_low"], line["ci_high"], color=colour, alpha=0.2, linewidth=0)
        dot_where_it_ends(line, ax, x, line["fraction"], colour, table[x].max())
    ax.set(ylim=(0, 1.01), xlim=(0, table[x].max()))


def accuracy_against_fraction(table: pd.DataFrame, ax: Axes, colours: Mapping[str, Any], reference: str) -> None:
    """Accuracy of the projected images against the fraction of the attack's norm inside, a line a basis.

    One basis has a thick line with its 95 % band, the others thin lines with small dots: nine bands over each other
    would hide whether the lines are one. How far each lies from that basis is what :func:`accuracy_gaps` shows.

    Args:
        table: columns basis, fraction, accuracy, ci_low, ci_high.
        ax: where to draw.
        colours: of the bases.
        reference: the basis that the others are held against.
    """
    for basis, line in table.groupby("basis", sort=False):
        colour, chosen = colours[basis], basis == reference
        look = {"linewidth": 2.4, "zorder": 2.2} if chosen else {"linewidth": 0.8, "marker": ".", "markersize": 2.5}
        ax.plot(line["fraction"], 100 * line["accuracy"], color=colour, **look)
        if chosen:
            low, high = 100 * line["ci_low"], 100 * line["ci_high"]
            ax.fill_between(line["fraction"], low, high, color=colour, alpha=0.3, linewidth=0)
    ax.set(xlim=(0, 1.01), ylim=(0, 101), xlabel="fraction of DeepFool's norm inside", ylabel="accuracy (%)")


def accuracy_gaps(table: pd.DataFrame, ax: Axes, colours: Mapping[str, Any], reference: str) -> None:
    """Mean difference of accuracy from the reference's line at equal fraction, in points, a dot a basis with its 95 %.

    Args:
        table: columns basis, gap, gap_ci_low, gap_ci_high.
        ax: where to draw.
        colours: of the bases, the reference's included.
        reference: the basis that the others are held against.
    """
    ax.axhline(0, color=colours[reference], zorder=1.9)
    for place, row in enumerate(table.itertuples()):
        ax.plot([place, place], [100 * row.gap_ci_low, 100 * row.gap_ci_high], color=colours[row.basis])
        ax.plot(place, 100 * row.gap, color=colours[row.basis], marker="o", markersize=4)
    ax.set(ylabel="gap (points)", xlabel="bases, in the order of the legend", xticks=[], xlim=(-0.6, len(table) - 0.4))


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
    ax.set(yscale="log", ylabel="mean L2 norm\n(pixels in [0, 1])", xlim=(0, table["rank"].max() * 1.02))
    plain_decades(ax)
    legend_below(ax)


def plain_decades(ax: Axes) -> None:
    """Labels of a logarithmic vertical axis as plain numbers, at 1, 2 and 5 where it spans no more than two decades."""
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high <= 100 * low else (1,)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def score_curves(table: pd.DataFrame, ax: Axes, colours: Mapping[str, Any]) -> None:
    """One class's score along a direction, a curve an image, each stretch in the colour of the predicted class.

    Args:
        table: columns image, s, score, predicted, class, of one class and direction.
        ax: where to draw.
        colours: of class names; the others are grey.
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
    """A colour for the class that a figure is of, and for the first of the other class names, as many as there are."""
    others = [name for name in names if name != shown][: len(CLASS_COLOURS)]
    return {shown: SHOWN_COLOUR, **dict(zip(sorted(others), CLASS_COLOURS, strict=False))}


def class_legend(ax: Axes, colours: Mapping[str, str], others: bool) -> None:
    """The legend of the predicted classes below a panel, with the grey of the others if there are any."""
    shown = [*colours.items()] + [("other classes", OTHERS)] * others
    handles = [Line2D([], [], color=colour, label=short(name, 14)) for name, colour in shown]
    legend_below(ax, handles, title="predicted class")


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
    ax.set(xlabel=MOVEMENT, ylabel="class score (logit)", xlim=(table["s"].min(), table["s"].max()))
    legend_below(ax)


def population_transitions(table: pd.DataFrame, ax: Axes) -> None:
    """Shares of the images that the movement carries into the target class, and of those that stay in it.

    A line without any value is neither drawn nor in the legend: where no image is carried, there is no softmax.

    Args:
        table: columns s, carried and stays with _ci_low and _ci_high, softmax_median, of one class.
        ax: where to draw.
    """
    lines = {
        "carried": (ATTACK_COLOUR, "-", "", "others carried into it"),
        "stays": ("black", (0, (4, 2)), "", "its own that stay"),
        # With markers: where images are carried at one step only, there is a point and no line.
        "softmax_median": (SOFTMAX_COLOUR, "-", ".", "median softmax of the carried"),
    }
    for name, (colour, style, marker, label) in lines.items():
        if table[name].isna().all():
            continue
        ax.plot(table["s"], table[name], color=colour, linestyle=style, marker=marker, label=label)
        if f"{name}_ci_low" in table:
            low, high = table[f"{name}_ci_low"], table[f"{name}_ci_high"]
            ax.fill_between(table["s"], low, high, color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel=MOVEMENT, ylabel="fraction", ylim=(-0.02, 1.02), xlim=(table["s"].min(), table["s"].max()))
    legend_below(ax)


def pictures(images: np.ndarray, labels: Sequence[str], ax: Axes, rows: Sequence[str] = ("",)) -> None:
    """Pictures beside each other in one or more rows, each with its label below.

    Args:
        images: (n, channels, height, width), in [0, 1]; what is beyond is clipped.
        labels: n texts; the lines that are too long for a picture are shortened.
        ax: where to draw.
        rows: what each row shows, written on its left.
    """
    height, width = images.shape[2:]
    gap, across = max(1, width // 8), -(-len(images) // len(rows))
    room = ax.get_figure().get_size_inches()[0] / ax.get_subplotspec().get_gridspec().ncols - 0.4
    letters = int(room / across / (LETTER * PICTURE_LETTERS / 7))
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
        lines = "\n".join(short(line, letters) for line in label.split("\n"))
        ax.text(left + width / 2, top + height * 1.02, lines, ha="center", va="top", fontsize=PICTURE_LETTERS)
    for i, name in enumerate(rows):
        middle = (1.3 * i + 0.5) * height
        ax.text(-gap / 2, middle, name, ha="right", va="center", rotation=90, fontsize=PICTURE_LETTERS)
    ax.set(xlim=(0, across * (width + gap)), ylim=(len(rows) * height * 1.3, 0), aspect="equal")
    ax.set_axis_off()


def as_pictures(directions: np.ndarray) -> np.ndarray:
    """Directions (n, channels, height, width) scaled so that zero is grey and the largest value black or white."""
    return directions / (2 * np.abs(directions).max((1, 2, 3), keepdims=True)) + 0.5


def eigenvalues(table: pd.DataFrame, ax: Axes) -> None:
    """Eigenvalues of the mean Hessians against their order, a line a class.

    The classes of largest and of smallest top curvature have colours, the others are grey: however many classes there
    are, the two lines say how far they differ.

    Args:
        table: columns class, index, value.
        ax: where to draw.
    """
    top = table[table["index"] == table["index"].min()].set_index("class")["value"]
    ends = {
        top.idxmax(): (IMAGE_COLOUR, f"{short(top.idxmax(), 14)}: largest top curvature"),
        top.idxmin(): (ATTACK_COLOUR, f"{short(top.idxmin(), 14)}: smallest top curvature"),
    }
    for name, line in table.groupby("class", sort=False):
        if name not in ends:
            ax.plot(line["index"], line["value"], color=OTHERS, linewidth=0.6)
    for name, (colour, label) in ends.items():
        line = table[table["class"] == name]
        ax.plot(line["index"], line["value"], color=colour, label=label)
    if len(top) > len(ends):
        ax.plot([], [], color=OTHERS, label=f"the other {len(top) - len(ends)} classes")
    ax.axhline(0, color="black", linewidth=0.5)
    ax.set(
        xlabel="direction, most positive first",
        ylabel="mean curvature\n(logits / pixel²)",
        xlim=(1, table["index"].max()),
    )
    legend_below(ax)


def singular_values(table: pd.DataFrame, ax: Axes) -> None:
    """Singular values as fractions of the largest, of the perturbations and of the images.

    Args:
        table: columns spectrum, index, value.
        ax: where to draw.
    """
    for kind, line in table.groupby("spectrum", sort=False):
        colour, name = SINGULAR[kind]
        ax.plot(line["index"], line["value"] / line["value"].max(), color=colour, label=name)
    ax.set(
        yscale="log",
        xlabel="direction, by singular value",
        ylabel="singular value / largest",
        xlim=(1, table["index"].max()),
    )
    plain_decades(ax)
    legend_below(ax)


def learning_curve(table: pd.DataFrame, ax: Axes) -> None:
    """Training (in-sample) and test accuracy in % after each epoch, with a 95 % band on the latter.

    Args:
        table: columns epoch, train_accuracy, test_accuracy, test_ci_low, test_ci_high.
        ax: where to draw.
    """
    colour = LEARNING_COLOUR
    for split, style in SPLITS.items():
        ax.plot(
            table["epoch"], 100 * table[f"{split}_accuracy"], color=colour, linestyle=style, label=SPLIT_NAMES[split]
        )
    low, high = 100 * table["test_ci_low"], 100 * table["test_ci_high"]
    ax.fill_between(table["epoch"], low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel="epoch", ylabel="accuracy (%)", xlim=(1, max(2, table["epoch"].max())))
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend_below(ax)


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
    letters = panel_letters()
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


def panel_letters() -> Iterator[str]:
    """The letters a to z, then aa, ab and so on."""
    return (
        "".join(letters) for n in itertools.count(1) for letters in itertools.product(string.ascii_lowercase, repeat=n)
    )


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
