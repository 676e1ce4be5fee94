"""Figures of the demo against the tables and pictures that are written beside them."""

import pytest

from friendlyfire.declarations import declared
from friendlyfire.figures.panels import save
from friendlyfire.figures.redrawn import redrawn
from friendlyfire.figures.shown import read_pictures
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_table


@pytest.mark.parametrize("name", sorted(set(declared("figures")) - {"comparison"}))  # needs two experiments
def test_what_is_written_beside_a_figure_is_enough_to_draw_it(demo, tmp_path, name):
    kind, folder = declared("figures")[name], demo.folder / "results/figures"
    tables = {
        table: read_table(folder / (f"{name}.csv" if table == "numbers" else f"{name}-{table}.csv"))
        for table in kind["tables"]
    }
    pictures = None
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
