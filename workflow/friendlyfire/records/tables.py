"""Tables on disk: CSV files whose last column is a digest of their settings."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from friendlyfire.records.files import whole
from friendlyfire.records.seeds import repetition_of

#: The last column of every table: :func:`engine.provenance.digest`, a key of results/provenance.json.
COLUMN = "provenance"


#: Columns of texts that may look like numbers (an experiment may be called 007), or be empty throughout.
TEXTS = ("experiment", "theirs", "part", "class", "predicted", "doubt", "reason", "control")


def write_table(path: str, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    """Write a table atomically, :func:`with_seeds`, and with the digest of its settings as the last column."""
    with whole(path) as partial:
        with_seeds(table).assign(**{COLUMN: settings["provenance"]["digest"]}).to_csv(partial, index=False)


def with_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Replace names of repetitions, in the column ``experiment``, by the experiment and the number, in ``seed``."""
    if "experiment" not in table or "seed" in table:
        return table
    names = [repetition_of(name) for name in table["experiment"]]
    table = table.assign(experiment=[name for name, _ in names])
    table.insert(table.columns.get_loc("experiment") + 1, "seed", [number for _, number in names])
    return table


def read_table(path: str, **options: Any) -> pd.DataFrame:
    """Load a table as its script made it, without the digest; ``options`` are those of :func:`pandas.read_csv`."""
    # Only empty fields are missing values: a class may be called NA.
    options = {"keep_default_na": False, "na_values": [""], **options}
    options["dtype"] = {**dict.fromkeys(TEXTS, str), **options.get("dtype", {})}
    return pd.read_csv(path, **options).drop(columns=COLUMN, errors="ignore")


def read_tables(paths: Iterable[str], **options: Any) -> pd.DataFrame:
    """Load several tables of the same form and concatenate them."""
    tables = [read_table(path, **options) for path in paths]
    return pd.concat([table for table in tables if len(table)] or tables)


def write_html(path: str, table: pd.DataFrame) -> None:
    """Write a table as a separate page for the report."""
    style = "table {border-collapse: collapse; font: 12px sans-serif} th, td {padding: 4px 10px; text-align: right}"
    body = table.to_html(index=False, border=0, justify="right")
    page = f"<!DOCTYPE html><meta charset=utf-8><style>{style} tr {{border-bottom: 1px solid #ccc}}</style>{body}\n"
    Path(path).write_text(page, encoding="utf-8")
