"""The result of a figure's function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

#: Label and colour of each basis, by name. Colours are Okabe and Ito's, controls are grey.
Legend = Mapping[str, Mapping[str, str]]


@dataclass
class Drawn:
    """A figure, the tables it shows, and the words of its caption."""

    tables: dict[str, pd.DataFrame]  #: by their names in ``tables`` of the declaration
    figure: Callable[[], Figure]
    words: dict[str, str] = field(default_factory=dict)  #: for the braces of the declared caption
