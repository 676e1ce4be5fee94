"""Sphinx configuration. Parts of the reference are generated from the code at the start of each build."""

import re
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT / "workflow")]

import generate  # noqa: E402 (it stands beside this file)

project = "Friendly Fire"
author = "the Friendly Fire developers"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
copyright = "the Friendly Fire developers, MIT licence"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_gallery.gen_gallery"]
# Files that are included in pages, not pages themselves.
exclude_patterns = ["reference/generated/*.inc.md", "examples"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Notebooks are Python files that each build runs; their output and pictures are on the pages.
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "notebooks",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
}

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Cost"]
python_maximum_signature_line_length = 100
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "Friendly Fire"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
# Pages are complete without a network, and hold no copies of their sources.
html_copy_source = False
html_show_sphinx = False
pygments_style = "tango"
pygments_dark_style = "github-dark"


def as_written(app, what, name, obj, options, lines):
    """Keep the bars of a norm and a trailing underscore in docstrings as they are; reST would resolve them as names."""
    code = re.compile(r"(``.+?``|`.+?`)")
    for number, line in enumerate(lines):
        parts = code.split(line)
        parts[::2] = [re.sub(r"\||(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
        lines[number] = "".join(parts)


def setup(app):
    """Generate the reference before the sources are read."""
    app.connect("builder-inited", lambda app: generate.write_all(ROOT, DOCS / "reference" / "generated"))
    app.connect("autodoc-process-docstring", as_written)
