"""What a measure gives."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd


@dataclass
class Measured:
    """Results of a measure, by the names under which its declaration lists them in ``gives``."""

    tables: dict[str, pd.DataFrame]  #: long tables
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  #: of its store, what every image gave
    record: dict[str, Any] = field(default_factory=dict)  #: describes the arrays: units, roles, names
