"""Interactive figures: the numbers in them are those of the tables, of each repetition and of their mean."""

import html
import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from friendlyfire.figures.dark import BLACK, CONTRAST, luminance, on_black
from friendlyfire.figures.hover import MEANS, SINGLE
from friendlyfire.figures.panels import basis_colours, basis_name
from friendlyfire.figures.redrawn import LEGEND, interactive, redrawn
from friendlyfire.figures.standalone import page, readable
from friendlyfire.records.intervals import interval_over_repetitions

#: What nobody should read as markup, and a legend with it.
NASTY = '<b>&"x"</b><script>alert(1)</script>$$x$$'
BASES = ("deepfool-high", "pca", "mine")
NAMES = {**LEGEND, "mine": {"label": NASTY, "colour": "#123456"}}


def rows(seeds, points, **columns):
    """A table with a row for each combination of what the columns may be, each repetition and point."""
    product = list(itertools.product(["one", "two"], range(seeds), *columns.values(), range(points)))
    return pd.DataFrame(product, columns=["experiment", "seed", *columns, "point"])


def with_interval(table, rng, name, ends):
    """Add a number in [0, 1] with its interval."""
    value, half = rng.uniform(0.2, 0.8, len(table)), rng.uniform(0, 0.2, (2, len(table)))
    return table.assign(**{name: value, ends[0]: value - half[0], ends[1]: value + half[1]})


def tables_of(name, seeds):
    """Made-up tables of a figure, of two experiments."""
    rng, ends = np.random.default_rng(seeds), ("ci_low", "ci_high")
    if name == "scorecard":
        table = rows(1, 1, claim=["first", "second"], part=["", "pca"]).assign(seed="", section="4.1", seeds=seeds)
        table = with_interval(table, rng, "estimate", ends).assign(images=100, interval="images", side=[">", "<"] * 4)
        verdicts = np.resize(["holds", "fails", "not to be trusted"], 8)
        words = {"statement": NASTY, "measured": "a median", "control": "", "reason": "too few"}
        return {"numbers": table.assign(bound=0.1, verdict=verdicts, **words)}
    table = rows(seeds, 4, basis=BASES, split=["test", "train"])
    table = with_interval(table, rng, "accuracy", ends).assign(images=360, rank=10 * table["point"])
    table["role"] = table["split"].map({"test": "measured", "train": "training"})
    table["directions_per_class"] = table["point"].astype(float)
    table.loc[table["split"] == "train", list(ends)] = np.nan
    if name == "fig4":
        return {"numbers": table.drop(columns="directions_per_class")}
    if name == "coupling":
        lines = with_interval(table[table["split"] == "test"], rng, "fraction", ("fraction_ci_low", "fraction_ci_high"))
        gaps = rows(seeds, 1, basis=BASES[1:]).assign(reference="deepfool-high", images=360, perturbations=200)
        gaps = with_interval(gaps, rng, "gap", ("gap_ci_low", "gap_ci_high"))
        return {"numbers": lines.assign(perturbations=200), "distances": gaps}
    inside = rows(seeds, 4, basis=BASES, attack=["deepfool", "uap"]).assign(perturbations=200, role="held-out")
    inside = inside.assign(rank=10 * inside["point"], directions_per_class=inside["point"].astype(float))
    return {"numbers": table, "fractions": with_interval(inside, rng, "fraction", ends)}


def dots_of(layout):
    """The dots of each panel as a table, by the label of its plot."""
    from bokeh.models import HoverTool, Plot

    found = {}
    for plot in layout.select({"type": Plot}):
        (tool,) = plot.select({"type": HoverTool})
        (dots,) = tool.renderers
        found.setdefault(plot.html_attributes["aria-label"], pd.DataFrame(dict(dots.data_source.data)))
    return found


def same(dots, table, x, y, bounds, scale):
    """Whether the dots are at the numbers of a table, in its order, with its intervals."""
    numbers = table[[x, y, *bounds]].to_numpy(dtype=float) * [1, scale, scale, scale]
    return np.allclose(dots[["x", "y", "low", "high"]].to_numpy(dtype=float), numbers, rtol=1e-12, equal_nan=True)


def panels_of(name, tables):
    """What each panel of the first experiment shows: its label, a table, and columns."""
    ends, numbers = ("ci_low", "ci_high"), tables["numbers"][tables["numbers"]["experiment"] == "one"]
    if name == "fig4":
        return [("one: accuracy (%) against number of directions", numbers, "rank", "accuracy", ends, 100)]
    if name == "coupling":
        gaps = tables["distances"][tables["distances"]["experiment"] == "one"]
        gaps = gaps.assign(place=gaps["basis"].map({"pca": 0, "mine": 1}))
        label, gap = "one: accuracy (%) against fraction of DeepFool's norm inside", ("gap_ci_low", "gap_ci_high")
        below = ("one: gap (points) against bases, in the order of the boxes", gaps, "place", "gap", gap, 100)
        return [(label, numbers, "fraction", "accuracy", ends, 100), below]
    x, label = "directions_per_class", "directions per class"
    inside = tables["fractions"][tables["fractions"]["experiment"] == "one"]
    attacks = {"deepfool": "DeepFool", "uap": "UAP"}
    below = [
        (
            f"one: fraction of norm of {words} inside against {label}",
            inside[inside["attack"] == attack],
            x,
            "fraction",
            ends,
            1,
        )
        for attack, words in attacks.items()
    ]
    return [(f"one: accuracy (%) against {label}", numbers, x, "accuracy", ends, 100), *below]


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize("name", ["fig3", "fig4", "coupling"])
def test_dots_have_the_numbers_of_the_table_and_of_each_repetition(name, seeds):
    tables = tables_of(name, seeds)
    found = dots_of(interactive(name, tables, NAMES))
    for label, table, x, y, bounds, scale in panels_of(name, tables):
        dots = found[label]
        keys = [key for key in ("basis", "split") if key in table and name != "coupling"] or ["basis"]
        for key, line in table.groupby(keys, sort=False):
            words = {"train": "training images (in-sample)", "test": "measured images"}
            tags = [words.get(tag, tag) for tag in key]
            mine = dots[[set(tags) <= set(tag) for tag in dots["tags"]]]
            assert set(mine["name"]) == {NAMES[key[0]]["label"]}
            several = [part for _, part in line.groupby("seed", sort=False)]
            means = mine[[MEANS in tag for tag in mine["tags"]]] if seeds > 1 else mine
            single = mine[[SINGLE in tag for tag in mine["tags"]]] if seeds > 1 else mine
            assert same(single, line, x, y, bounds, scale)
            for seed, part in enumerate(several):
                texts = single["text"].iloc[seed * len(part) : (seed + 1) * len(part)]
                assert all(text.endswith(f"seed {seed}") for text in texts)
            if seeds > 1:
                values, low, high = (np.stack([part[c] for part in several]) for c in (y, *bounds))
                low, high = interval_over_repetitions(values, low, high)
                across = np.mean([part[x] for part in several], 0)
                expected = pd.DataFrame({x: across, y: values.mean(0), bounds[0]: low, bounds[1]: high})
                assert same(means, expected, x, y, bounds, scale)
                assert all(text.endswith(f"mean of {seeds} repetitions") for text in means["text"])


def test_the_text_of_a_dot_says_value_interval_images_and_seed():
    tables = tables_of("fig3", 1)
    row = tables["numbers"].query("experiment == 'one' and basis == 'pca' and split == 'test'").iloc[2]
    (text,) = dots_of(interactive("fig3", tables, NAMES))["one: accuracy (%) against directions per class"].query(
        "name == 'principal components (control)' and x == 2 and low == low"
    )["text"]
    value, low, high = (100 * row[column] for column in ("accuracy", "ci_low", "ci_high"))
    assert text == (
        f"accuracy {value:.2f} % (95 %: {low:.2f} to {high:.2f})\n"
        "directions: 2 per class, 20 in all\n360 measured images, seed 0"
    )


def test_a_verdict_has_its_claim_estimate_bound_and_reason():
    tables = tables_of("scorecard", 2)
    dots = dots_of(interactive("scorecard", tables))["one: distance from the bound,\nin units of it"]
    table = tables["numbers"][tables["numbers"]["experiment"] == "one"]
    assert sorted(dots["y"]) == [0, 1, 2, 3]
    for place, row in enumerate(table.itertuples()):
        (dot,) = dots[dots["y"] == place].itertuples()
        part = f" ({row.part})" if row.part else ""
        assert dot.text.startswith(f"{row.claim}{part}, section 4.1: {row.verdict}\n{row.estimate:.3f} (95 %: ")
        assert f"{row.ci_low:.3f} to {row.ci_high:.3f}), claimed {row.side} 0.1\n" in dot.text
        assert dot.text.endswith("of a median\n2 repetitions, 100 images; interval over images\ntoo few")
        assert dot.x == pytest.approx(np.clip((row.estimate - 0.1) / 0.1 * (1 if row.side == ">" else -1), -1.5, 1.5))
        assert dot.tags == [row.verdict]


@pytest.mark.parametrize("name", ["fig3", "scorecard"])
def test_names_are_text_on_the_page(name):
    tables = tables_of(name, 2)
    text = page(interactive(name, tables, NAMES), NASTY, NASTY, {NASTY: tables["numbers"]})
    assert f"<title>{escape(NASTY)}</title>" in text
    assert f"<p>{escape(NASTY)}</p>" in text
    assert f"<summary>{escape(NASTY)}, as a table</summary>" in text
    (data,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert NASTY in str(json.loads(html.unescape(data)))
    assert "<script>alert" not in text
    assert "<b>&" not in text


def test_a_table_has_every_row_its_names_as_text_and_no_empty_column():
    long = "a" * 300
    text = readable(pd.DataFrame({"name": [NASTY, long] * 50, "number": 1 / 3, "nothing": np.nan}))
    assert text.count("<tr") == 101
    assert text.count(f"<td>{html.escape(NASTY, quote=False)}</td>") == text.count(long) == 50
    assert "<td>0.3333</td>" in text
    assert "nothing" not in text


def test_colours_of_a_dark_page_can_be_seen_on_it():
    darkest = luminance((0x17 / 255, 0x18 / 255, 0x1A / 255))
    assert BLACK == "#17181a"
    for colour in ("#000000", "#123456", "#0072B2", "#555555"):
        lighter = on_black(colour)
        seen = luminance([int(lighter[place : place + 2], 16) / 255 for place in (1, 3, 5)])
        assert (seen + 0.05) / (darkest + 0.05) >= CONTRAST - 0.02
    assert on_black("#E69F00") == "#e69f00"  # is light enough


@pytest.mark.parametrize("draw", [redrawn, interactive])
def test_bases_that_the_legend_does_not_name_are_shown_by_their_names(draw):
    draw("fig4", tables_of("fig4", 1))
    names = ["deepfool-high", "deepfool-high-14px", "mine", "random-push", "mine-14px"]
    assert [basis_name(name, LEGEND) for name in names[1:]] == ["DeepFool, high to low, at 14 pixels", *names[2:]]
    colours = basis_colours(names, LEGEND)
    assert len(set(colours.values())) == len(names)
    assert colours["deepfool-high"] == LEGEND["deepfool-high"]["colour"]
