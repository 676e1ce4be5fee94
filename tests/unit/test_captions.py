"""Captions are plain text in the report, whatever the names in them, and speak of all repetitions."""

import re

import pandas as pd
import pytest
from docutils.core import publish_parts
from hypothesis import given
from hypothesis import strategies as st

from friendlyfire.figures.captions import fooling_rates, network_accuracies, shares, write_caption
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
    write_html(tmp_path / "table.html", pd.DataFrame({name: [name * 20] for name in NAMES[:2]}))
    text = (tmp_path / "table.html").read_text()
    for name in NAMES[:2]:
        escaped = as_html(name).replace("&quot;", '"')
        assert f">{escaped}</th>" in text
        assert f">{escaped * 20}</td>" in text
    assert "<script" not in text


def repeated(**columns):
    """A table of two repetitions of one experiment."""
    return pd.DataFrame({"experiment": "mine", "seed": [0, 1], **columns})


def test_captions_quote_means_and_ranges_over_repetitions():
    attacked = repeated(attack="deepfool", fooling=[1.0, 0.5], images=200)
    assert fooling_rates(attacked) == "mine: deepfool 75% of 200"
    networks = repeated(architecture="lenet", accuracy=[0.9, 0.8], images=1000, logits=10, classes=10)
    told = network_accuracies(networks)
    assert "mine: lenet, 80.0 to 90.0 % of 1,000 measured images in 2 repetitions" in told
    assert "Thick lines are means" in told
    assert "Thick lines" not in network_accuracies(networks, thin=False)
    assert "mine: lenet, 90.0 % of 1,000 measured images." in network_accuracies(networks[:1])


def test_captions_take_the_larger_effect_of_each_repetition():
    ends = pd.concat(
        repeated(**{"class": name}, s_relative=end, carried=carried, stays=stays, carried_images=900, stays_images=100)
        for name in ("a", "b")
        for end, carried, stays in ((-1.0, [0.2, 0.6], [0.9, 0.4]), (1.0, [0.4, 0.0], [0.7, 0.8]), (0.0, 1.0, 0.0))
    )
    forms = repeated(**{"class": "a"}, separability=0.9, separability_floor=0.1, interaction=0.2).assign(
        **{f"{name}{floor}": 0.5 for name in ("symmetry", "monotonicity") for floor in ("", "_floor")}
    )
    told = shares(ends, forms)
    # (0.4 + 0.6) / 2 of the others are carried, (0.7 + 0.4) / 2 of the class stay.
    assert "a fraction 0.5 (0.5 to 0.5) of the other images is carried" in told
    assert "and 0.55 (0.55 to 0.55) of the class's own images stay" in told
    assert "of 1,000 measured images" in told
