"""Captions are plain text in the report, whatever the names in them."""

import re

import pytest
from docutils.core import publish_parts
from hypothesis import given
from hypothesis import strategies as st

from friendlyfire.figures.captions import write_caption
from friendlyfire.records.tables import write_html

NAMES = [
    '<b>&"x"</b>',
    "<script>alert(1)</script>",
    "*one* **two**",
    "`three` ``four`` :math:`x`",
    "five_ `six`__ [7]_ _`eight`",
    "|nine|",
    r"ten\\eleven",
    "a\n\n.. raw:: html\n\n   <i>twelve</i>\n",
    "a\n\n.. include:: /etc/passwd\n",
]


def shown(path, text):
    """The text that a browser shows of a caption, and its elements."""
    write_caption(path, f"Classes: {text} are shown.")
    body = publish_parts(f".. include:: {path}\n", writer="html", settings_overrides={"report_level": 5})["body"]
    return re.sub("<[^>]*>", "", body), set(re.findall(r"<(\w+)", body))


def as_html(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text(tmp_path, name):
    text, elements = shown(tmp_path / "caption.rst", name)
    assert text.strip() == as_html(f"Classes: {' '.join(name.split())} are shown.")
    assert elements == {"p"}


@given(name=st.text("ab1 <&>*`_|\\\\[]():.-\n", min_size=1, max_size=12))
def test_any_name_is_text(tmp_path_factory, name):
    text, elements = shown(tmp_path_factory.getbasetemp() / "any.rst", name)
    assert text.strip() == as_html(" ".join(f"Classes: {name} are shown.".split()))
    assert elements == {"p"}


def test_a_table_of_the_report_shows_names_as_text(tmp_path):
    import pandas as pd

    write_html(tmp_path / "table.html", pd.DataFrame({name: [name * 20] for name in NAMES[:2]}))
    text = (tmp_path / "table.html").read_text()
    for name in NAMES[:2]:
        escaped = as_html(name).replace("&quot;", '"')
        assert f">{escaped}</th>" in text
        assert f">{escaped * 20}</td>" in text
    assert "<script" not in text
