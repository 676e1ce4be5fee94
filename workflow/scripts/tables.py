"""Tables on disk: CSV that names the settings it was made with, and beside all of them what made each."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from friendlyfire.errors import ProvenanceError
from friendlyfire.provenance import digest
from friendlyfire.stores import open_store

#: The last column of every table: :func:`friendlyfire.provenance.digest`, a key of results/provenance.json.
COLUMN = "provenance"


def write_table(path: str, table: pd.DataFrame, settings: dict) -> None:
    """Write a table whole, with the column that says what settings made it."""
    partial = Path(f"{path}.partial")
    table.assign(**{COLUMN: settings["provenance"]["digest"]}).to_csv(partial, index=False)
    partial.replace(path)


def read_table(path: str, **options: Any) -> pd.DataFrame:
    """A table as its script made it; ``options`` are those of :func:`pandas.read_csv`."""
    return pd.read_csv(path, float_precision="round_trip", **options).drop(columns=COLUMN)


def read_tables(paths: Iterable[str], **options: Any) -> pd.DataFrame:
    """Several tables of one form, one below the other."""
    return pd.concat([read_table(path, **options) for path in paths])


def write_html(path: str, table: pd.DataFrame) -> None:
    """Write a table as a page of its own, for the report."""
    style = "table {border-collapse: collapse; font: 12px sans-serif} th, td {padding: 4px 10px; text-align: right}"
    body = table.to_html(index=False, border=0, justify="right")
    page = f"<!DOCTYPE html><meta charset=utf-8><style>{style} tr {{border-bottom: 1px solid #ccc}}</style>{body}\n"
    Path(path).write_text(page, encoding="utf-8")


def write_provenance(path: str, record: dict) -> None:
    """Note what made a table or a network, and its checksum."""
    note = note_of(path)
    note.parent.mkdir(parents=True, exist_ok=True)
    partial = note.with_name(f"{note.name}.partial")
    record = {**record, "sha256": sha256(path)}
    partial.write_text(json.dumps({**record, "check": digest(record)}, indent=1) + "\n", encoding="utf-8")
    partial.replace(note)


def provenance_of(path: str) -> dict:
    """What made a result: a store says so itself, of a table or a network it was noted.

    Raises:
        ProvenanceError: the file is not what was written, or nobody knows what made it.
        StoreError: the store is missing or damaged.
    """
    way_out = f"make it again with: snakemake --cores all --force {path}"
    if path.endswith(".zarr.zip"):
        with open_store(path, None) as store:
            found = store.record.get("provenance")
    else:
        note, found = note_of(path), None
        try:
            if note.exists():
                found = json.loads(note.read_text(encoding="utf-8"))
                if found.pop("check") != digest(found):
                    raise ValueError("it is not what was written")
                if sha256(path) != found["sha256"]:
                    raise ProvenanceError(f"{path} is not what was written, it was edited or damaged; {way_out}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProvenanceError(
                f"{note}, which tells what made {path}, cannot be read ({error}); {way_out}"
            ) from error
    if found is None:
        raise ProvenanceError(f"{path} does not tell what made it; {way_out}")
    return found


def settings_behind(path: str) -> dict:
    """The settings that a result was made with, and what stands for its contents if all else is made from it."""
    record = provenance_of(path)
    if path.endswith(".safetensors"):
        return {**record["settings"], path: record["sha256"][:16]}
    if path.startswith("results/datasets/"):
        with open_store(path, "dataset") as store:
            return {**record["settings"], path: store.contents()}
    return record["settings"]


def is_result(path: str) -> bool:
    """Whether a file is a result whose making is known."""
    return path.startswith("results/") and path.endswith((".csv", ".zarr.zip", ".safetensors"))


def note_of(path: str) -> Path:
    """Where it is noted what made a table or a network."""
    return Path("results/provenance", f"{Path(path).relative_to('results')}.json")


def sha256(path: str) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
