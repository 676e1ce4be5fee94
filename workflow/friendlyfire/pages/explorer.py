"""The explorer of a network: single images, moved along directions and projected onto bases, on one page.

The page holds the values of the measures ``walks`` and ``views`` and looks them up. The only arithmetic on it adds a
multiple of a direction, or a perturbation, to an image that it shows.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.embed import json_item
from bokeh.models import BasicTickFormatter, FixedTicker, LogAxis, Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from friendlyfire.attacks.statuses import Status
from friendlyfire.claims.verdicts import undetermined
from friendlyfire.figures.panels import basis_colours, basis_name
from friendlyfire.pages.templates import FOLDER, TEMPLATES
from friendlyfire.records.stores import Store

PAGES = {
    "explorer": {
        "make": "explorer",
        "title": "Explorer",
        "section": "Explorer",
        "folder": "explorers",
        "bases": ["explorer"],
        "reads": {
            "network": "{experiment}/network.csv",
            "quality": "{experiment}/quality.csv",
            "walks": "{experiment}/walks/walks.zarr.zip",
            "views": "{experiment}/views/{basis}.zarr.zip",
            "accuracy": "{experiment}/accuracy/{basis}.csv",
            "population": "{experiment}/scores/{kind}.csv",
        },
        "options": {
            "explorer": {
                "default": [
                    "deepfool-high",
                    "deepfool-low",
                    "curvature-positive",
                    "curvature-flat",
                    "pca",
                    "random",
                ],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": "bases of the explorer; an empty list leaves the experiment out",
            },
        },
    },
}

#: Directions of a class, in words.
KINDS = {"positive": "most positive", "negative": "most negative", "flat": "flattest"}

#: Outcomes of attacks, in words, by their status.
OUTCOMES = {
    Status.CONVERGED: "",
    Status.NOT_CONVERGED: "its iterations ran out",
    Status.ZERO_GRADIENT: "no class can be approached inside these directions",
    Status.NON_FINITE: "a score is not finite",
}

#: Backgrounds of the light and the dark page, as in explorer.css.
BACKGROUNDS = ("#ffffff", "#15181d")

#: Least contrast of a line with its background. Source: WCAG 2.1, criterion 1.4.11.
CONTRAST = 3.0

#: Dashes of the lines, basis by basis: colours alone do not distinguish them.
DASHES = ([], [8, 3], [2, 3], [8, 3, 2, 3], [14, 4], [5, 5])

#: Most decimals of a score.
DECIMALS = 2

#: Stands for a score that is not finite, in arrays of whole numbers.
MISSING = np.iinfo(np.int16).min


def explorer(
    experiment: str,
    network: pd.DataFrame,
    quality: pd.DataFrame,
    walks: Sequence[Store],
    views: Sequence[Store],
    accuracy: pd.DataFrame,
    population: pd.DataFrame | None,
    legend: Mapping[str, Mapping[str, str]],
) -> str:
    """Return the explorer of an experiment's network as HTML.

    Args:
        experiment: its name.
        network: its architecture and accuracy.
        quality: the records of the decompositions.
        walks: the store of the measure of this name.
        views: stores of the measure of this name, one per basis.
        accuracy: on images projected onto the same bases.
        population: effect of the directions on all images; None if no figure of the experiment follows them.
        legend: label and colour of each basis.
    """
    (walk,) = walks
    names = [store.record["basis"] for store in views]
    labels = {name: basis_name(name, legend) for name in names}
    colours = list(basis_colours(names, legend).values())
    shades = [[readable(colour, ground) for ground in BACKGROUNDS] for colour in colours]
    bases = [
        {"label": labels[name], "shades": shade, "dash": DASHES[i % 6], **view_data(store)}
        for i, (name, store, shade) in enumerate(zip(names, views, shades, strict=True))
    ]
    data = {
        **walk_data(walk),
        "bases": bases,
        "carried": carried(population, walk),
        "opening": opening(walk, views),
        "charts": charts(names, accuracy),
    }
    template = TEMPLATES.get_template("explorer.html")
    return template.render(
        experiment=experiment,
        network=network.iloc[0],
        undetermined=len(quality) and undetermined(quality),
        shape=walk["images"].shape[1:],
        bases=bases,
        kinds=walk.record["kinds"],
        words=KINDS,
        short=in_short(walk, views, list(labels.values())),
        data=data,
        style=(FOLDER / "explorer.css").read_text(encoding="utf-8"),
        script=(FOLDER / "explorer.js").read_text(encoding="utf-8"),
        library=Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw[0],
    )


def walk_data(walk: Store) -> dict[str, Any]:
    """Return the images, the directions and the scores on the way, as the page's script reads them."""
    return {
        "classes": walk.record["classes"],
        "labels": walk["labels"].tolist(),
        "indices": walk["indices"].tolist(),
        "kinds": [KINDS[kind] for kind in walk.record["kinds"]],
        "targets": walk["targets"].tolist(),
        "steps": rounded(walk["steps"]),
        "places": walk["places"].tolist(),
        "pairs": walk["pairs"].tolist(),
        "images": packed(bytes_of(walk["images"])),
        "directions": scaled(walk["directions"], np.int16),
        "clean": decimal(walk["clean"]),
        "along": decimal(walk["along"]),
        "across": decimal(walk["across"]),
        **{name: packed(walk[name]) for name in ("predicted", "along_predicted", "across_predicted")},
    }


def view_data(view: Store) -> dict[str, Any]:
    """Return the projections onto one basis, what the network says of them, and the attacks confined to it."""
    statuses = view["statuses"]
    return {
        "ranks": view["ranks"].tolist(),
        **{name: packed(bytes_of(view[name])) for name in ("projections", "rests")},
        "perturbations": scaled(view["perturbations"], np.int8),
        "kept": decimal(view["kept"]),
        "left": decimal(view["left"]),
        **{name: packed(view[name]) for name in ("kept_predicted", "left_predicted")},
        "norms": rounded(np.where(statuses == Status.CONVERGED, view["norms"], np.nan)),
        "reached": view["reached"].tolist(),
        "failures": [[OUTCOMES[status] for status in row] for row in statuses.tolist()],
    }


def carried(population: pd.DataFrame | None, walk: Store) -> dict[str, dict[str, list[Any]]]:
    """Return the lines of figures 2, S1 and S2: by kind and class, the steps and what the movement does there."""
    if population is None:
        return {}
    words = {KINDS[kind]: kind for kind in walk.record["kinds"]}
    numbers = {name: str(c) for c, name in enumerate(walk.record["classes"])}
    return {
        word: {
            numbers[name]: {"s": rounded(rows["s"]), **{key: rounded(rows[key]) for key in ("carried", "stays")}}
            for name, rows in population[population["kind"] == kind].groupby("class", sort=False)
        }
        for word, kind in words.items()
    }


def opening(walk: Store, views: Sequence[Store]) -> dict[str, int]:
    """Choose what the page shows first: an image that the first basis keeps and others lose, and a movement.

    At least half of the other bases lose the image, if there is such an image. The movement is the shortest one along
    a first direction that carries such an image into the direction's class.
    """
    rank, labels = telling_rank(walk, views), walk["labels"]
    right = np.array([at_rank(of["kept_predicted"], rank) == labels for of in views])  # (bases, n)
    lost = np.where(right[0] & (walk["predicted"] == labels), (~right).sum(0), -1)
    images, targets = np.flatnonzero(lost >= min(lost.max(), len(views) // 2)), walk["targets"]
    there = walk["along_predicted"][:, 0][:, images] == targets[:, None, None]  # (targets, images, steps)
    there &= (targets[:, None] != labels[images])[:, :, None]
    lengths = np.where(there, np.abs(walk["steps"]), np.inf)
    target, image, step = np.unravel_index(lengths.argmin(), lengths.shape)
    return {"image": int(images[image]), "rank": rank, "target": int(target), "step": int(step)}


def telling_rank(walk: Store, views: Sequence[Store]) -> int:
    """Return the place, in the ranks, at which the first basis keeps most images that the others lose."""
    right = [(of["kept_predicted"] == walk["labels"]).mean(1) for of in views]
    ranks = min(map(len, right))
    gains = [right[0][place] - np.mean([of[place] for of in right]) for place in range(ranks)]
    return int(np.argmax(gains))


def at_rank(rows: np.ndarray, place: int) -> np.ndarray:
    """Return the row at the place of a rank; the last one if there are fewer."""
    return rows[min(place, len(rows) - 1)]


def in_short(walk: Store, views: Sequence[Store], labels: Sequence[str]) -> dict[str, Any]:
    """Return the numbers of the page's first lines: counts over its images, basis by basis and kind by kind."""
    place, rows = telling_rank(walk, views), []
    for label, view in zip(labels, views, strict=True):
        there = at_rank(view["statuses"], place) == Status.CONVERGED
        norms = at_rank(view["norms"], place)[there]
        rows.append(
            {
                "label": label,
                "rank": int(at_rank(view["ranks"], place)),
                "recognised": int((at_rank(view["kept_predicted"], place) == walk["labels"]).sum()),
                "norm": f"{np.median(norms):.2f}" if len(norms) else "none",
                "attacks": len(norms),
            }
        )
    elsewhere = walk["predicted"] != walk["targets"][:, None]  # (targets, n)
    carried = (walk["along_predicted"] == walk["targets"][:, None, None, None]).any(3)  # (targets, kinds, n)
    moved = [
        {"label": KINDS[kind], "carried": int((carried[:, k] & elsewhere).sum())}
        for k, kind in enumerate(walk.record["kinds"])
    ]
    return {
        "rank": rows[0]["rank"],
        "rows": rows,
        "images": len(walk["labels"]),
        "moved": moved,
        "pairs": int(elsewhere.sum()),
    }


def charts(names: Sequence[str], accuracy: pd.DataFrame) -> dict[str, Any]:
    """Return the charts as Bokeh's documents: lines of figures, and lines of the chosen image.

    The page colours them, marks the chosen place, and replaces lines of two points.
    """
    measured, later = accuracy[(accuracy["role"] == "measured") & (accuracy["rank"] > 0)], [1, 2]
    ranks, movement = {"x_axis_label": "directions kept", "x_axis_type": "log"}, {"x_axis_label": "movement (norm)"}
    found = {
        "accuracy": chart("accuracy", **ranks, y_range=(0, 1.02)),
        "norms": chart("norm of the attack", **ranks, y_axis_type="log"),
        "scores": chart("score", **movement),
        "moved": chart("fraction of images", **movement, y_range=(0, 1.02)),
    }
    for number, name in enumerate(names):
        rows, drawn = measured[measured["basis"] == name], {"name": f"basis {number}", "line_dash": DASHES[number % 6]}
        found["accuracy"].line(rows["rank"].tolist(), rows["accuracy"].tolist(), **drawn)
        found["norms"].line(later, later, **drawn)
    found["scores"].multi_line([later], [later], name="others")
    for name, lines in (("scores", ("target", "own")), ("moved", ("carried", "stays"))):
        for line, dash in zip(lines, DASHES, strict=False):
            found[name].line(later, later, name=line, line_width=3, line_dash=dash)
    return {name: json_item(shown) for name, shown in found.items()}


def chart(label: str, **options: Any) -> figure:
    """Return an empty chart without tools, whose background is the page's, with a mark for the chosen place."""
    shown = figure(
        **{"height": 200, "sizing_mode": "stretch_width", "toolbar_location": None, "tools": "", **options},
        y_axis_label=label,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
    )
    for axis in shown.axis:
        axis.axis_label_text_font_style = "normal"
        if isinstance(axis, LogAxis):
            axis.ticker = FixedTicker(ticks=[m * 10.0**k for k in range(-3, 6) for m in (1, 2, 5)])
            axis.formatter = BasicTickFormatter(use_scientific=False)
    shown.add_layout(Span(location=None, dimension="height", name="place", line_width=2))
    return shown


def readable(colour: str, background: str) -> str:
    """Return a colour mixed with black or white until its contrast with the background is :data:`CONTRAST`."""

    def parts(text: str) -> np.ndarray:
        return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255

    def luminance(rgb: np.ndarray) -> float:
        return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    ground, away = luminance(parts(background)), np.zeros(3) if luminance(parts(background)) > 0.5 else np.ones(3)
    for mixed in np.linspace(0, 1, 41):
        rgb = (1 - mixed) * parts(colour) + mixed * away
        high, low = max(luminance(rgb), ground), min(luminance(rgb), ground)
        if (high + 0.05) / (low + 0.05) >= CONTRAST:
            break
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def packed(array: np.ndarray, unit: float | Sequence[float] = 1) -> dict[str, Any]:
    """Return an array of whole numbers for the page's script, compressed; its values are multiples of ``unit``."""
    array = array.astype(array.dtype.newbyteorder("<"))
    text = base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes())).decode()
    return {"type": f"{array.dtype.kind}{array.dtype.itemsize}", "shape": array.shape, "unit": unit, "data": text}


def decimal(scores: np.ndarray) -> dict[str, Any]:
    """Return scores as whole multiples of 0.01; of a larger power of ten if 16 bits hold no less."""
    largest = np.abs(scores[np.isfinite(scores)]).max(initial=1e-9)
    decimals = min(DECIMALS, int(np.floor(np.log10(-MISSING - 1) - np.log10(largest))))
    whole = np.where(np.isfinite(scores), np.rint(np.nan_to_num(scores) * 10.0**decimals), MISSING)
    return {**packed(whole.astype(np.int16), 10.0**-decimals), "decimals": decimals}


def scaled(pictures: np.ndarray, kind: type) -> dict[str, Any]:
    """Return directions or perturbations (..., channels, height, width) as whole multiples of a unit for each."""
    largest = np.abs(pictures).max(axis=(-3, -2, -1), keepdims=True)
    unit = np.where(largest > 0, largest, 1) / np.iinfo(kind).max
    return packed(np.rint(pictures / unit).astype(kind), [float(f"{value:.6g}") for value in unit.flat])


def bytes_of(pictures: np.ndarray) -> np.ndarray:
    """Return pictures, pixels in [0, 1], as uint8; pixels outside the range are cut off."""
    return np.rint(255 * np.clip(pictures, 0, 1)).astype(np.uint8)


def rounded(values: Any) -> Any:
    """Return numbers with five significant digits for JSON; None for those that are not finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim > 1:
        return [rounded(row) for row in array]
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in array]
