"""Templates of the pages, beside this file; every value is escaped."""

import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

#: The folder of the templates, styles and scripts.
FOLDER = Path(__file__).parent


def number(value: float) -> str:
    """Format a number with two digits; a dash if there is none."""
    return "\u2013" if math.isnan(value) else f"{value:.2f}".replace("inf", "\u221e")


TEMPLATES = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
TEMPLATES.filters["number"] = number
# Bokeh reads its documents in their order.
TEMPLATES.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
