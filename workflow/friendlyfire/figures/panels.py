"""Common parts of figures: panels, legends, colours, pictures. Figures plot tables and compute nothing."""

import itertools
import re
import string
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

from friendlyfire.figures.shown import Legend, Strip
from friendlyfire.records.intervals import interval_over_repetitions
from friendlyfire.records.seeds import repetition_of
from friendlyfire.records.stores import Store

#: The paper's colours of figure 5.
ATTACK_COLOUR, IMAGE_COLOUR = "#0072B2", "#D55E00"

#: Colour of all classes without their own colour.
OTHERS = "#BBBBBB"

#: Lightest colour of bases of which a legend says nothing.
UNKNOWN = "#AAAAAA"

#: Line style by split: test lines are solid, training lines dotted.
SPLITS = {"test": "-", "train": (0, (1.5, 1.2))}

#: Legend entry by split: accuracy on the training images is in-sample.
SPLIT_NAMES = {"test": "measured images", "train": "training images (in-sample)"}

#: Axis label of the length of a movement along a direction.
MOVEMENT = "s, L2 norm (pixels in [0, 1])"

#: Width and height of a panel in inches.
PANEL = (2.75, 2.2)

#: Letters of a name in one line above a panel.
NAME = 26

#: Font size below pictures.
PICTURE_LETTERS = 5

#: Inches from a panel's axis down to its legend, per row of a legend, and per letter of a legend.
BELOW, LEGEND_ROW, LETTER = 0.42, 0.15, 0.056


def plot_over_repetitions(
    ax: Axes,
    line: pd.DataFrame,
    x: str,
    y: str,
    bounds: tuple[str, str] | None = None,
    *,
    scale: float = 1,
    band: float = 0.2,
    **look: Any,
) -> None:
    """Plot a line of a table: the mean over the repetitions of its experiment with a band, and single ones thin.

    Args:
        ax: where to draw.
        line: columns seed, ``x``, ``y`` and ``bounds``; of each repetition as many points, in the same order.
        x: column of the horizontal axis.
        y: column of the vertical axis.
        bounds: columns of the ends of the intervals; no band unless given.
        scale: factor on all that is vertical.
        band: opacity of the band.
        look: of the line, as in :func:`matplotlib.pyplot.plot`.
    """
    mean, single = averaged(line, {y: bounds} if bounds else {}), [part for _, part in line.groupby("seed", sort=False)]
    if len(single) > 1:
        for part in single:
            thin = {"color": look.get("color"), "linestyle": look.get("linestyle", "-"), "linewidth": 0.4, "alpha": 0.6}
            ax.plot(part[x], scale * part[y], **thin)
    ax.plot(mean[x], scale * mean[y], **look)
    if bounds:
        low, high = (scale * mean[bound] for bound in bounds)
        ax.fill_between(mean[x], low, high, color=look.get("color"), alpha=band, linewidth=0)


def averaged(line: pd.DataFrame, bounds: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Return the means of all numbers of a line over the repetitions of its experiment, and intervals of the means.

    Args:
        line: columns seed and others; of each repetition as many points, in the same order.
        bounds: for the columns that have intervals, the columns of their ends.
    """
    parts = [part for _, part in line.groupby("seed", sort=False)]
    shortest = min(len(part) for part in parts)

    def stacked(column: str) -> np.ndarray:
        return np.stack([part[column].to_numpy(dtype=float)[:shortest] for part in parts])

    mean = {column: stacked(column).mean(0) for column in line.select_dtypes("number")}
    for column, ends in bounds.items():
        mean |= dict(zip(ends, interval_over_repetitions(stacked(column), *map(stacked, ends)), strict=True))
    return parts[0].iloc[:shortest].assign(**mean)


def first_of(stores: Sequence[Store], *keys: str) -> dict[Any, Store]:
    """The first repetition's store of each experiment, by the experiment and further keys of its record."""
    found = {}
    for store in stores:
        experiment, _ = repetition_of(store.record["experiment"])
        found.setdefault((experiment, *(store.record[key] for key in keys)) if keys else experiment, store)
    return found


def first_repetition(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first repetition of each experiment."""
    return table[table["seed"] == table.groupby("experiment")["seed"].transform("first")]


def basis_colours(bases: Sequence[str], legend: Legend) -> dict[str, str]:
    """Return the colour of each basis; bases of resampled perturbations have darker shades of their parent's colour.

    Bases of which the legend says nothing have shades of grey.
    """
    parents = {basis: _parent(basis, legend) for basis in bases}
    found = {}
    for basis, parent in parents.items():
        shades = [other for other in bases if parents[other] == parent and other not in legend]
        colour = legend[parent]["colour"] if parent else UNKNOWN
        found[basis] = colour if basis in legend else darker(colour, (shades.index(basis) + 1) / (len(shades) + 1))
    return found


def _parent(basis: str, legend: Legend) -> str | None:
    """Return the basis that a legend calls a basis, or whose resampled form it is; None if it says nothing of it."""
    plain = re.sub(r"-\d+px$", "", basis)
    return basis if basis in legend else plain if plain in legend else None


def darker(colour: str, share: float) -> str:
    """Darken a colour by the fraction ``share`` in [0, 1] of the way to near black."""
    return to_hex([(1 - 0.85 * share) * part for part in to_rgb(colour)])


def basis_name(basis: str, legend: Legend) -> str:
    """Return the label of a basis in legends; its own name if they say nothing of it."""
    parent = _parent(basis, legend)
    if parent is None:
        return basis
    label, side = legend[parent]["label"], basis.removeprefix(f"{parent}-").removesuffix("px")
    return label if basis == parent else f"{label}, at {side} pixels"


def short(name: str, letters: int = 22) -> str:
    """Shorten the name of a class for a legend: the first word of ImageNet's lists is enough."""
    first = name.split(",")[0]
    return first if len(first) <= letters else f"{first[: letters - 1].rstrip()}…"


def legend_below(ax: Axes, handles: Sequence[Line2D] | None = None, title: str | None = None) -> None:
    """Draw the legend of one panel below its axis label, where it never covers data.

    Args:
        ax: the panel, with its lines drawn.
        handles: handles of the legend; by default the panel's labelled lines.
        title: title of the legend.
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
        # The figure grows by the height of the legend, so the panels keep their size.
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


def plain_decades(ax: Axes) -> None:
    """Label a logarithmic vertical axis with plain numbers, at 1, 2 and 5 or closer if it spans at most two decades."""
    low, high = ax.get_ylim()
    closer = MaxNLocator(4) if high <= 4 * low else LogLocator(subs=(1, 2, 5) if high <= 100 * low else (1,))
    ax.yaxis.set_major_locator(closer)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def in_rows(strip: Strip, ax: Axes, rows: Sequence[str] = ("",)) -> None:
    """Draw pictures in one or more rows, each with its label below.

    Args:
        strip: the pictures; lines of labels that are too long for a picture are shortened.
        ax: axes to draw on.
        rows: title of each row, on its left.
    """
    images, labels = strip
    height, width = images.shape[2:]
    gap, across = max(1, width // 8), -(-len(images) // len(rows))
    room = ax.get_figure().get_size_inches()[0] / ax.get_subplotspec().get_gridspec().ncols - 0.4
    letters = int(room / across / (LETTER * PICTURE_LETTERS / 7))
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        left, top = (i % across) * (width + gap), (i // across) * (height * 1.3)
        ax.imshow(
            image.transpose(1, 2, 0).squeeze(),
            cmap="gray",
            vmin=0,
            vmax=255,
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
    """Scale directions (n, channels, height, width) so that zero is grey and the largest value is black or white."""
    return directions / (2 * np.abs(directions).max((1, 2, 3), keepdims=True)) + 0.5


def panels(names: Sequence[str], heights: Sequence[float] = (1,)) -> tuple[Figure, list[list[Axes]]]:
    """Create a figure with a titled column of panels for each name, lettered a, b, c ...

    Args:
        names: experiments, one per column; they wrap after four.
        heights: relative heights of the panels of one name, from top to bottom; 1 is the usual height.

    Returns:
        The figure, and for each name its panels from top to bottom.
    """
    across, rows = min(len(names), 4), len(heights)
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
        column_axes[0].set_title(lines_of(name))
        for ax in column_axes:
            ax.set_title(next(letters), loc="left", fontweight="bold")
        found.append(column_axes)
    for position in range(len(names), down * across):
        for row in range(rows):
            grid[position // across * rows + row][position % across].set_axis_off()
    return figure, found


def lines_of(name: str) -> str:
    """Break the name of an experiment into lines that fit above a panel."""
    return textwrap.fill(name, NAME)


def panel_letters() -> Iterator[str]:
    """Yield the letters a to z, then aa, ab and so on."""
    return (
        "".join(letters) for n in itertools.count(1) for letters in itertools.product(string.ascii_lowercase, repeat=n)
    )


def bases_legend(figure: Figure, colours: Mapping[str, str], splits: Sequence[str], legend: Legend) -> None:
    """Draw the legend of all panels below them: colours are bases, line styles are splits."""
    handles = [Line2D([], [], color=colour, label=basis_name(basis, legend)) for basis, colour in colours.items()]
    handles += [Line2D([], [], color="black", linestyle=SPLITS[split], label=SPLIT_NAMES[split]) for split in splits]
    width, height = figure.get_size_inches()
    columns = max(2, int(width // 2.6))
    # The figure grows by the height of the legend, so the panels keep their size.
    figure.set_size_inches(width, height + 0.17 * -(-len(handles) // columns))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def save(figure_of: Callable[[], Figure], style: str | Mapping[str, Any], outputs: Sequence[str]) -> None:
    """Draw a figure in a style, and save it under each name in ``outputs``."""
    plt.switch_backend("agg")
    with plt.style.context(style):
        figure = figure_of()
        figure.draw_without_rendering()  # the layout settles in the second pass
        for path in outputs:
            # Without dates, the same table gives the same bytes.
            figure.savefig(path, metadata={"CreationDate": None} if path.endswith(".pdf") else {"Software": None})
        plt.close(figure)
