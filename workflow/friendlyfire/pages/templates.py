"""Templates of the pages, beside this file; every value is escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

#: The folder of the templates, styles and scripts.
FOLDER = Path(__file__).parent

TEMPLATES = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
# Bokeh reads its documents in their order.
TEMPLATES.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
