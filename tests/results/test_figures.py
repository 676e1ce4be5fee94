"""Figures of the demo against the tables and pictures that are written beside them."""

import re

import pytest
from docs import evidence

from friendlyfire.declarations import declared
from friendlyfire.figures.panels import save
from friendlyfire.figures.redrawn import interactive, redrawn
from friendlyfire.figures.shown import read_pictures
from friendlyfire.figures.standalone import page
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_table


def tables_beside(folder, name):
    """The tables that are written beside a figure."""
    return {
        table: read_table(folder / (f"{name}.csv" if table == "numbers" else f"{name}-{table}.csv"))
        for table in declared("figures")[name]["tables"]
    }


@pytest.mark.parametrize("name", [*evidence.FIGURES["evidence"], "scorecard"])
def test_what_is_written_beside_a_figure_is_enough_to_draw_it(demo, tmp_path, name):
    kind, folder = declared("figures")[name], demo.folder / "results/figures"
    tables, pictures = tables_beside(folder, name), None
    if "pictures" in kind:
        with open_store(folder / f"{name}.zarr.zip", "pictures") as store:
            pictures = read_pictures(store)
    style = demo.folder / "workflow/friendlyfire/figures/style.mplstyle"
    # Saved twice, as the figure was: the layout changes by a hair each time.
    save(
        lambda: redrawn(name, tables, pictures),
        str(style),
        [str(tmp_path / f"again.{form}") for form in ("pdf", "png")],
    )
    assert (tmp_path / "again.png").read_bytes() == (folder / f"{name}.png").read_bytes()


def parts(text):
    """A page with its parts numbered anew: Bokeh counts all that a process has made."""
    places = {}
    return re.sub(r"\bp\d{4,}\b", lambda found: f"p{places.setdefault(found[0], len(places))}", text)


@pytest.mark.parametrize("name", [name for name, kind in declared("figures").items() if "hover" in kind])
def test_what_is_written_beside_a_figure_is_enough_for_its_interactive_version(demo, name):
    kind, folder = declared("figures")[name], demo.folder / "results/figures"
    tables = tables_beside(folder, name)
    caption, named = (folder / f"{name}.rst").read_text(), {kind["tables"][table]: tables[table] for table in tables}
    again = page(interactive(name, tables), kind["title"], caption, named)
    assert parts(again) == parts((folder / f"{name}.html").read_text())
