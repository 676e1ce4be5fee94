"""The scorecard: claims down, experiments across, each estimate against its bound."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from friendlyfire.claims.verdicts import FAILS, HOLDS, UNDECIDED, UNTRUSTED, judged
from friendlyfire.declarations import Kind
from friendlyfire.figures.panels import lines_of
from friendlyfire.figures.shown import Shown
from friendlyfire.records.seeds import repetition_of
from friendlyfire.records.stores import Store

FIGURES = {
    "scorecard": {
        "make": "scorecard",
        "draw": "verdicts",
        "hover": "verdicts_on_hover",
        "title": "Scorecard",
        "section": "5 Claims",
        "experiments": "claims.tested",
        "reads": {"rows": "claims.csv", "drawn": "claims.zarr.zip"},
        "tables": {"numbers": "verdicts"},
        "uses": ["claims"],
        "thin": False,
        "caption": (
            "Each claim of the paper as a number, against a bound that was fixed beforehand (vertical line); the claim"
            " lies to the right of it. Dots: estimates (arrows: beyond the panel); bars: 95 % bootstrap intervals "
            "({over}). A claim holds where the whole interval lies on its side, and fails where it lies on the other. "
            "Open dots are not to be trusted: {reasons} Verdicts: {counts}."
        ),
    },
}

#: Colour of each verdict.
COLOURS = {HOLDS: "#0072B2", FAILS: "#D55E00", UNDECIDED: "#777777", UNTRUSTED: "#BBBBBB"}

#: How far a panel reaches to either side of the bound, in units of the bound.
REACH = 1.5

#: Height of a row, and width of the statements, in inches.
ROW, LABELS = 0.21, 3.8

#: Width of an experiment's column with its numbers, and of one with its estimate only, for more than two experiments.
COLUMN, NARROW = 4.0, 1.5


def scorecard(
    rows: pd.DataFrame, drawn: Sequence[Store], claims: Mapping[str, Kind], seed: Callable[..., int]
) -> Shown:
    """The estimate of each claim, and its verdict.

    Args:
        rows: estimates of the repetitions.
        drawn: their bootstrap draws.
        claims: their declarations.
        seed: a function that returns the seed of a draw from its names.
    """
    draws = defaultdict(lambda: defaultdict(list))
    for store in drawn:
        experiment, _ = repetition_of(store.record["experiment"])
        for claim, part in store.record["claims"]:
            draws[experiment][claim, part].append(store[f"{claim}/{part or 'all'}"])
    rows = rows.assign(part=rows["part"].fillna(""), doubt=rows["doubt"].fillna(""))
    tables = []
    for experiment, group in rows.groupby("experiment", sort=False):
        found = judged(group, draws[experiment], claims, seed(experiment))
        found.insert(0, "experiment", experiment)
        tables.append(found.assign(seed=""))
    table = pd.concat(tables).sort_values("section", kind="stable", key=lambda names: names.str.split(",").str[0])
    table = pd.concat(group for _, group in table.groupby("experiment", sort=False))
    table.insert(1, "seed", table.pop("seed"))
    counts = table["verdict"].value_counts()
    reasons = table.query("reason != ''").drop_duplicates(["experiment", "reason"])
    words = {
        "over": "; ".join(
            f"{name}: {group['interval'].iloc[0]}, {counted(group['seeds'].max(), 'repetition')}"
            for name, group in table.groupby("experiment", sort=False)
        ),
        "reasons": "; ".join(f"{row.experiment}: {row.reason}" for row in reasons.itertuples()) + "."
        if len(reasons)
        else "none.",
        "counts": ", ".join(f"{counts[name]} {name}" for name in COLOURS if name in counts),
    }
    return Shown({"numbers": table}, words=words)


def verdicts(numbers: pd.DataFrame) -> Figure:
    """Draw a row per claim and part, a column per experiment."""
    table = numbers.fillna({"part": ""})
    names, parts = list(table["experiment"].unique()), table.drop_duplicates(["claim", "part"])
    narrow = len(names) > 2
    size = LABELS + (NARROW if narrow else COLUMN) * len(names), ROW * (len(parts) + 3)
    figure, axes = plt.subplots(1, len(names), figsize=size, sharey=True, squeeze=False)
    for name, ax in zip(names, axes[0], strict=True):
        mine = parts[["claim", "part"]].merge(table[table["experiment"] == name], on=["claim", "part"], how="left")
        distances(mine, ax, in_full=not narrow)
        ax.set_title(lines_of(name))
    labels = [
        row.statement.rstrip(".")
        + (f" ({row.part})" if row.part else "")
        + (f": {row.side} {row.bound:g}" if narrow else "")
        for row in parts.itertuples()
    ]
    axes[0][0].set_yticks(range(len(parts)), labels, fontsize=6.5)
    axes[0][0].invert_yaxis()
    handles = [
        Line2D([], [], color=colour, marker="o", linestyle="", label=verdict, markerfacecolor=face(verdict))
        for verdict, colour in COLOURS.items()
        if verdict in set(table["verdict"])
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def distances(table: pd.DataFrame, ax: Axes, in_full: bool) -> None:
    """Estimates with their intervals, as distances from the bound towards the claim's side, in units of its scale.

    Args:
        table: a row per claim and part, with estimate, ci_low, ci_high, side, bound and verdict; NaN where not judged.
        ax: where to draw.
        in_full: whether intervals and bounds stand beside the estimates.
    """
    ax.axvline(0, color="black", linewidth=0.8)
    for place, row in enumerate(table.itertuples()):
        if not isinstance(row.verdict, str):
            continue
        low, middle, high = from_bound(row)
        colour = COLOURS[row.verdict]
        ax.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        # An arrow where the estimate lies beyond the panel.
        marker = "o" if abs(middle) < REACH else "<" if middle < 0 else ">"
        ax.plot(middle, place, color=colour, marker=marker, markersize=4, markerfacecolor=face(row.verdict))
        text = f"{spelled(row)}, claimed {row.side} {row.bound:g}" if in_full else spelled(row).partition(" (")[0]
        ax.text(1.02, place, text, fontsize=5.5, va="center", transform=ax.get_yaxis_transform())
    ax.set(xlim=(-1.05 * REACH, 1.05 * REACH), xticks=[-1, 0, 1], xticklabels=["fails", "bound", "holds"])
    ax.set_xlabel("distance from the bound, in units of it" if in_full else "")
    ax.tick_params(axis="y", length=0)


def from_bound(row: Any) -> np.ndarray:
    """Return the interval's low end, the estimate and the high end as distances from the bound, within the panel."""
    sign, scale = (1 if row.side == ">" else -1), max(abs(row.bound), 0.05)
    return np.clip(sign * (np.array([row.ci_low, row.estimate, row.ci_high]) - row.bound) / scale, -REACH, REACH)


def spelled(row: Any, form: str = ".2f", level: str = "") -> str:
    """Spell an estimate with its interval, as far as there are any, and the level of the interval before it."""
    if np.isnan(row.estimate):
        return "none"
    ends = "no interval" if np.isnan(row.ci_low) else f"{level}{row.ci_low:{form}} to {row.ci_high:{form}}"
    return f"{row.estimate:{form}} ({ends})"


def counted(number: int, what: str) -> str:
    """A number with its noun."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def face(verdict: str) -> str:
    """Colour inside the dot of a verdict."""
    return "white" if verdict == UNTRUSTED else COLOURS[verdict]


def verdicts_on_hover(numbers: pd.DataFrame) -> Any:
    """Return a panel per experiment with a row per claim and part, as a Bokeh layout; the boxes are verdicts."""
    # Bokeh takes half a second to import, and the printed figures do without.
    from friendlyfire.figures.hover import Panel, switched

    table = numbers.fillna({"part": "", "reason": "", "control": ""})
    rows = [row.claim + (f" ({row.part})" if row.part else "") for row in table.itertuples()]
    places = {row: place for place, row in enumerate(dict.fromkeys(rows))}
    ends = np.array([from_bound(row) for row in table.itertuples()])
    table = table.assign(place=[places[row] for row in rows], low=ends[:, 0], middle=ends[:, 1], high=ends[:, 2])

    def in_words(row: Any) -> str:
        lines = [
            f"{row.claim}{f' ({row.part})' if row.part else ''}, section {row.section}: {row.verdict}",
            f"{spelled(row, '.3f', '95 %: ')}, claimed {row.side} {row.bound:g}",
            f"of {row.measured}" + (f", compared with {row.control}" if row.control else ""),
            f"{counted(row.seeds, 'repetition')}, {row.images:,} images; interval over {row.interval}",
        ]
        return "\n".join([*lines, row.reason] if row.reason else lines)

    found = []
    for name, mine in table.groupby("experiment", sort=False):
        panel = Panel(name, "distance from the bound,\nin units of it", "", x_range=(-1.05 * REACH, 1.05 * REACH))
        panel.rows(list(places), {-1: "fails", 0: "bound", 1: "holds"})
        for (verdict, statement), part in mine.groupby(["verdict", "statement"], sort=False):
            what = {"name": statement, "colour": COLOURS[verdict], "tags": [verdict]}
            panel.dots(part, "middle", "place", about=in_words, alpha=0, **what)
        for verdict, part in mine.groupby("verdict", sort=False):
            beyond = part["middle"].abs() >= REACH
            marks = np.where(beyond, "triangle", "circle"), np.where(beyond, -np.sign(part["middle"]) * np.pi / 2, 0)
            look = {"colour": COLOURS[verdict], "filled": face(verdict) != "white"}
            panel.estimates(part[["low", "middle", "high", "place"]], *marks, tags=[verdict], **look)
        found.append([panel])
    boxes = {verdict: (verdict, colour) for verdict, colour in COLOURS.items() if verdict in set(table["verdict"])}
    return switched(found, verdicts=boxes)
