"""Common parts of interactive figures: lines, bands, dots with their numbers on hover, and boxes that switch them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.layouts import Column
from bokeh.models import (
    BooleanFilter,
    CDSView,
    CheckboxGroup,
    ColumnDataSource,
    CustomJS,
    HoverTool,
    InlineStyleSheet,
    LayoutDOM,
    Line,
    PlainText,
    Range1d,
    Scatter,
    Segment,
    Span,
    VArea,
)
from bokeh.plotting import figure

from friendlyfire.figures.dark import GRID, INK, WHITE, on_black
from friendlyfire.figures.panels import averaged

#: Height and largest width of a panel in pixels, and width of a column of panels: as many as fit.
HEIGHT, WIDEST, COLUMN = 300, 840, "minmax(min(100%, 330px), 1fr)"

#: Diameter of a dot in pixels, how much larger it is for the pointer, and how many dots are described at once.
DOT, LARGER, AT_ONCE = 4, 3, 6

#: What stands in the box of a dot, in the colours of the page: texts, which Bokeh escapes.
BOX = """<div style="margin: -5px; padding: 6px 8px; background: Canvas; color: CanvasText">
<b style="padding-left: 0.4em; border-left: 0.7em solid @colour">@name</b>
<div style="max-width: 20rem; white-space: pre-line">@text</div></div>"""

#: Shows the parts and dots none of whose boxes is cleared.
SWITCH = """
const off = new Set(groups.flatMap((group, i) => tags[i].filter((_, box) => !group.active.includes(box))))
const shown = (tags) => !tags.some((tag) => off.has(tag))
for (const part of parts) part.visible = shown(part.tags)
for (const {view, data_source} of dots) view.filter.booleans = Array.from(data_source.data.tags, shown)
"""

#: Styles of the panels, which wrap as the page is wide, and of the boxes.
WRAPPED = f":host {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, {COLUMN}); }}"
IN_LINES = """
.bk-input-group { flex-flow: row wrap; gap: 0.2rem 1.4rem; white-space: normal; font-size: 0.9rem; }
.bk-input-group.bk-inline > label:nth-child(n) { display: flex; align-items: center; margin: 0; min-height: 1.6rem; }
.bk-input-group > label > input { width: 1.1rem; height: 1.1rem; margin: 0 0.5rem 0 0; flex: none; }
"""

#: Labels and tags of the boxes of repetitions; names of kinds have no spaces.
MEANS, SINGLE = "means over repetitions", "single repetitions"


class Panel:
    """A plot whose parts have tags, by which boxes switch them, and whose dots have their numbers on hover.

    Args:
        title: title above it.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        options: of :func:`bokeh.plotting.figure`, such as the ranges.
    """

    def __init__(self, title: str, x: str, y: str, **options: Any):
        plain = {"x_axis_label": PlainText(text=x), "y_axis_label": PlainText(text=y), "title": title}
        tools = "pan,box_zoom,wheel_zoom,reset"
        usual = {"height": HEIGHT, "max_width": WIDEST, "sizing_mode": "stretch_width", "toolbar_location": "above"}
        usual["html_attributes"] = {"role": "figure", "aria-label": f"{title}: {f'{y} against ' if y else ''}{x}"}
        self.plot: figure = figure(
            **{**usual, "tools": tools, "active_drag": None, "active_scroll": None, **plain, **options}
        )
        self.plot.toolbar.logo = None
        self.plot.title.update(text_color=INK, text_font_style="bold")
        self.plot.grid.grid_line_color = GRID
        for colour in ("background_fill_color", "border_fill_color", "outline_line_color"):
            setattr(self.plot, colour, None)
        for axis in self.plot.axis:
            axis.update(axis_label_text_color=INK, major_label_text_color=INK, axis_line_color=INK)
            axis.update(major_tick_line_color=INK, minor_tick_line_color=None, axis_label_text_font_style="normal")
        self.parts: list[Any] = []
        self._dots: list[pd.DataFrame] = []

    def line(
        self,
        table: pd.DataFrame,
        x: str,
        y: str,
        bounds: Mapping[str, tuple[str, str]],
        *,
        scale: float = 1,
        width: float = 1.8,
        dash: str = "solid",
        band: float = 0.2,
        **dots: Any,
    ) -> None:
        """Draw a line as :func:`.plot_over_repetitions` does, with its points as :meth:`dots`.

        Args:
            table: columns seed, ``x``, ``y`` and the bounds, and what ``about`` reads.
            x: column of the horizontal axis.
            y: column of the vertical axis.
            bounds: columns of the ends of the intervals of ``y``, and of other columns.
            scale: factor on all that is vertical.
            width: of the line, in pixels.
            dash: style of the line.
            band: opacity of the band; none where it is 0 or there is no interval.
            dots: name, colour, tags and ``about`` as of :meth:`dots`.
        """
        for part, thick, tags in over_repetitions(table, bounds, dots["tags"]):
            look = {**dots, "tags": tags, "alpha": 1 if thick else 0.5}
            placed = self.dots(part, x, y, bounds[y], scale=scale, **look)
            source = columns_of(placed[["x", "y", "low", "high"]])
            if band and thick and placed["low"].notna().any():
                shade = {"fill_color": dots["colour"], "fill_alpha": band}
                self.keep(source, VArea(x="x", y1="low", y2="high", **shade), tags)
            look = {"line_width": width} if thick else {"line_width": 0.6, "line_alpha": 0.7}
            self.keep(source, Line(x="x", y="y", line_color=dots["colour"], line_dash=dash, **look), tags)

    def point(
        self, table: pd.DataFrame, x: str, y: str, bounds: Mapping[str, tuple[str, str]], scale: float = 1, **dots: Any
    ) -> None:
        """Draw a point with its interval upright, and single repetitions small; arguments as of :meth:`line`."""
        for part, thick, tags in over_repetitions(table, bounds, dots["tags"]):
            placed = self.dots(part, x, y, bounds[y], scale=scale, **{**dots, "tags": tags})
            source, colour = columns_of(placed[["x", "y", "low", "high"]]), dots["colour"]
            if thick:
                self.keep(source, Segment(x0="x", y0="low", x1="x", y1="high", line_color=colour, line_width=2), tags)
                self.keep(source, Scatter(x="x", y="y", size=9, line_color=colour, fill_color=colour), tags)

    def dots(
        self,
        table: pd.DataFrame,
        x: str,
        y: str,
        bounds: tuple[str, str] | None = None,
        *,
        about: Callable[[Any], str],
        name: str,
        colour: str,
        tags: Sequence[str],
        scale: float = 1,
        alpha: float = 1,
    ) -> pd.DataFrame:
        """Add the rows of a table to the dots that have their numbers on hover.

        Args:
            table: columns ``x``, ``y`` and ``bounds``, and what ``about`` reads.
            x: column of the horizontal axis.
            y: column of the vertical axis.
            bounds: columns of the ends of the intervals, if there are any.
            about: returns the text of a row on hover.
            name: label of the rows, above their texts.
            colour: of a dot, where the pointer is.
            tags: the dots are there while each of their boxes is checked.
            scale: factor on all that is vertical.
            alpha: opacity of the dots where the pointer is not.

        Returns:
            Columns x, y, low and high as they are drawn, and others.
        """
        low, high = bounds or (None, None)
        placed = pd.DataFrame(
            {
                "x": table[x].to_numpy(),
                "y": scale * table[y].to_numpy(),
                "low": scale * table[low].to_numpy() if bounds else np.nan,
                "high": scale * table[high].to_numpy() if bounds else np.nan,
                "name": name,
                "colour": colour,
                "alpha": alpha,
                "text": [about(row) for row in table.itertuples(index=False)],
                "tags": [list(tags)] * len(table),
            }
        )
        self._dots.append(placed)
        return placed

    def estimates(
        self,
        table: pd.DataFrame,
        markers: Sequence[str],
        angles: Sequence[float],
        *,
        colour: str,
        filled: bool,
        tags: Sequence[str],
    ) -> None:
        """Draw estimates with their intervals, one below the other.

        Args:
            table: columns low, middle, high and place.
            markers: of each, such as "circle".
            angles: of the markers, in radians, counterclockwise.
            colour: of all of them.
            filled: whether the markers are.
            tags: as of :meth:`dots`.
        """
        source = columns_of(table.assign(marker=markers, angle=angles))
        bar = Segment(x0="low", y0="place", x1="high", y1="place", line_color=colour, line_width=2)
        look = {"size": 9, "line_color": colour, "fill_color": colour if filled else WHITE, "line_width": 1.5}
        for glyph in (bar, Scatter(x="middle", y="place", marker="marker", angle="angle", **look)):
            self.keep(source, glyph, tags)

    def level(self, colour: str) -> None:
        """Draw a line at 0."""
        self.plot.add_layout(Span(location=0, dimension="width", line_color=colour, line_width=1.4))
        self.plot.xaxis.update(ticker=[], major_label_text_color=None)

    def rows(self, names: Sequence[str], marks: Mapping[float, str]) -> None:
        """Name the rows on the vertical axis, the first on top, and some places on the horizontal one."""
        self.plot.update(height=22 * len(names) + 110, y_range=Range1d(len(names) - 0.4, -0.6))
        self.plot.yaxis.update(ticker=list(range(len(names))), major_label_overrides=dict(enumerate(names)))
        self.plot.xaxis.update(ticker=list(marks), major_label_overrides=marks)
        self.plot.ygrid.grid_line_color = None
        self.plot.add_layout(Span(location=0, dimension="height", line_color=INK, line_width=1))

    def keep(self, source: ColumnDataSource, glyph: Any, tags: Sequence[str]) -> None:
        """Draw a part of the plot that boxes switch."""
        part = self.plot.add_glyph(source, glyph)
        part.tags = list(tags)
        self.parts.append(part)

    def finished(self) -> Any:
        """Draw the dots, with their numbers on hover, and return them."""
        dots = pd.concat(self._dots, ignore_index=True)
        look = {"size": DOT, "fill_color": "colour", "line_color": "colour", "fill_alpha": "alpha", "line_alpha": 0}
        dot = Scatter(x="x", y="y", hit_dilation=LARGER, **look)
        found = self.plot.add_glyph(columns_of(dots), dot)
        found.hover_glyph = dot.clone(fill_alpha=1, line_alpha=0.4, line_width=8)
        found.view = CDSView(filter=BooleanFilter(booleans=[True] * len(dots)))
        self.plot.add_tools(HoverTool(renderers=[found], tooltips=BOX, limit=AT_ONCE, attachment="vertical"))
        return found


def columns_of(table: pd.DataFrame) -> ColumnDataSource:
    """Return a table for Bokeh, whose own way from pandas is deprecated there."""
    return ColumnDataSource({column: table[column].to_numpy() for column in table})


def over_repetitions(
    table: pd.DataFrame, bounds: Mapping[str, tuple[str, str]], tags: Sequence[str]
) -> Iterator[tuple[pd.DataFrame, bool, list[str]]]:
    """Yield the mean of a line over its repetitions, then each of several: rows with ``run``, whether thick, tags."""
    single = [part for _, part in table.groupby("seed", sort=False)]
    mean = averaged(table, bounds).assign(run=run(len(single), table["seed"].iloc[0]))
    if len(single) == 1:
        yield mean, True, [*tags]
        return
    yield mean, True, [*tags, MEANS]
    yield from ((part.assign(run=run(1, part["seed"].iloc[0])), False, [*tags, SINGLE]) for part in single)


def run(repetitions: int, seed: int) -> str:
    """Say which repetition a row is of, or that it is the mean of some."""
    return f"seed {seed}" if repetitions == 1 else f"mean of {repetitions} repetitions"


def directions(row: Any) -> str:
    """Say how many directions a row is about."""
    per_class = f"{row.directions_per_class:g} per class, " if hasattr(row, "directions_per_class") else ""
    return f"directions: {per_class}{row.rank:g} in all"


def between(low: float, high: float, form: str) -> str:
    """Return an interval in words, or that there is none."""
    return "no interval" if pd.isna(low) else f"95 %: {low:{form}} to {high:{form}}"


def switched(cells: Sequence[Sequence[Panel]], **boxes: Mapping[str, tuple[str, str | None]]) -> LayoutDOM:
    """Return panels below groups of boxes, which switch the parts of all panels.

    Args:
        cells: in reading order; the panels of a cell stay below each other.
        boxes: for each group its boxes: tag, label and colour. Groups of one box are left out.
    """
    panels = [panel for cell in cells for panel in cell]
    dots, parts = [panel.finished() for panel in panels], [part for panel in panels for part in panel.parts]
    if any(SINGLE in part.tags for part in parts):
        boxes["repetitions"] = {MEANS: (MEANS, None), SINGLE: (SINGLE, None)}
    several = {name: group for name, group in boxes.items() if len(group) > 1}
    groups = [
        CheckboxGroup(
            labels=[label for label, _ in group.values()],
            active=list(range(len(group))),
            inline=True,
            sizing_mode="stretch_width",
            stylesheets=[InlineStyleSheet(css=IN_LINES + swatches([colour for _, colour in group.values()]))],
            html_attributes={"role": "group", "aria-label": name},
        )
        for name, group in several.items()
    ]
    given = {"parts": parts, "dots": dots, "groups": groups, "tags": [list(group) for group in several.values()]}
    for group in groups:
        group.js_on_change("active", CustomJS(args=given, code=SWITCH))
    columns = [Column(*(panel.plot for panel in cell), sizing_mode="stretch_width") for cell in cells]
    below = Column(*columns, sizing_mode="stretch_width", stylesheets=[InlineStyleSheet(css=WRAPPED)])
    return Column(*groups, below, sizing_mode="stretch_width")


def swatches(colours: Sequence[str | None]) -> str:
    """Return the style of boxes with colours, on a white and on a dark page."""
    rules = []
    for place, colour in enumerate(colours, 1):
        if colour:
            line = f"label:nth-child({place}) span {{ padding-left: 0.5rem; border-left: 1.1rem solid "
            rules += [f"{line}{colour}; }}", f"@media (prefers-color-scheme: dark) {{ {line}{on_black(colour)}; }} }}"]
    return "\n".join(rules)
