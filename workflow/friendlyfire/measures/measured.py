"""The result of a measure."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd


@dataclass
class Measured:
    """Results of a measure, by their names in ``gives`` of its declaration."""

    tables: dict[str, pd.DataFrame]  #: long tables
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  #: arrays of its store, with a value per image
    record: dict[str, Any] = field(default_factory=dict)  #: describes the arrays: units, roles, names
