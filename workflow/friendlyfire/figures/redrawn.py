"""A figure, printed or interactive, drawn from the tables and pictures that are written beside it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from friendlyfire.declarations import called, declared
from friendlyfire.figures.shown import Legend, Strip

#: Legend of the library's bases.
LEGEND = {name: {"label": kind["label"], "colour": kind["colour"]} for name, kind in declared("bases").items()}

#: Labels of the library's attacks.
ATTACKS = {name: kind["label"] for name, kind in declared("attacks").items()}


def redrawn(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    pictures: Mapping[str, Strip] | None = None,
    legend: Legend = LEGEND,
    attacks: Mapping[str, str] = ATTACKS,
) -> Figure:
    """Draw a figure from its tables and pictures, those of any experiments and repetitions, one after the other.

    Args:
        name: a declared figure, such as ``fig4``.
        tables: by the names in ``tables`` of its declaration.
        pictures: as :func:`.read_pictures` loads them, if it has any.
        legend: label and colour of each basis.
        attacks: label of each attack.
    """
    given = {**tables, "pictures": pictures, "legend": legend, "attacks": attacks}
    return called(declared("figures")[name]["draw"], given)


def interactive(
    name: str, tables: Mapping[str, pd.DataFrame], legend: Legend = LEGEND, attacks: Mapping[str, str] = ATTACKS
) -> Any:
    """Return a figure as a Bokeh layout with its numbers on hover, for :func:`bokeh.plotting.show` or a page.

    Args:
        name: a declared figure that declares ``hover``, such as ``fig4``.
        tables: as for :func:`redrawn`.
        legend: label and colour of each basis.
        attacks: label of each attack.
    """
    return called(declared("figures")[name]["hover"], {**tables, "legend": legend, "attacks": attacks})
