"""An interactive figure as a page of its own."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from bokeh.embed import file_html
from bokeh.models import ColumnDataSource, LayoutDOM, Model
from bokeh.resources import Resources
from jinja2 import Environment, FileSystemLoader

from friendlyfire.figures.dark import BLACK, INK, on_black

#: Templates beside this file; every value is escaped.
TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)

#: An identifier that Bokeh draws at random.
IDENTIFIER = re.compile(r"\b[0-9A-Za-z]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")


def page(layout: LayoutDOM, title: str, caption: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return an interactive figure as a page that needs no other file and no network.

    Args:
        layout: what the function ``hover`` of a figure returns.
        title: of the page.
        caption: in plain text.
        tables: the numbers by name, for who cannot see or point.
    """
    colours = {colour for model in layout.references() for colour in colours_of(model)}
    shown = {name: readable(table) for name, table in tables.items()}
    words = {"caption": caption.strip(), "tables": shown, "black": BLACK, "ink": INK}
    text = file_html(
        layout,
        Resources(mode="inline", log_level="error"),
        title,
        template=TEMPLATES.get_template("standalone.html"),
        template_variables={**words, "colours": {colour: on_black(colour) for colour in sorted(colours)}},
    )
    # Bokeh draws identifiers at random; the same tables give the same page.
    places = {identifier: place for place, identifier in enumerate(dict.fromkeys(IDENTIFIER.findall(text)))}
    return IDENTIFIER.sub(lambda found: f"figure-{places[found[0]]}", text)


def colours_of(model: Model) -> set[str]:
    """Return the colours of a part of a figure."""
    values = model.properties_with_values(include_defaults=False)
    found = [getattr(value, "value", value) for name, value in values.items() if name.endswith("_color")]
    if isinstance(model, ColumnDataSource):
        found += list(model.data.get("colour", ()))
    return {colour for colour in found if isinstance(colour, str) and colour.startswith("#")}


def readable(table: pd.DataFrame) -> str:
    """Return a table as HTML: of every column with a number or a word in it, four digits."""
    filled = table.replace("", np.nan).dropna(axis="columns", how="all")
    return filled.to_html(index=False, border=0, na_rep="", float_format="{:.4g}".format)
