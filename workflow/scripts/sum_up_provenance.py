"""Figures and tables -> what made them and every result on the way to them, in one file and as a table."""

import json
import os
from pathlib import Path

import pandas as pd

from job import run
from records import provenance_of
from tables import write_html


def main(inputs, outputs, settings):
    found, waiting = {}, list(inputs.results)
    while waiting:
        path = waiting.pop()
        if path not in found and os.path.exists(path):  # shares of a result are gone when it is there
            found[path] = provenance_of(path)
            waiting += found[path]["inputs"]
    found = dict(sorted(found.items()))
    made_with = {record["digest"]: record["settings"] for record in found.values()}
    results = {
        path: {key: value for key, value in record.items() if key != "settings"} for path, record in found.items()
    }
    whole = {"results": results, "settings": made_with}
    Path(outputs.json).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    columns = ["rule", "digest", "code", "commit", "device", "threads", "python", "torch", "began"]
    rows = [{"result": path, **record, **record["packages"]} for path, record in found.items()]
    table = pd.DataFrame(rows)[["result", *columns]].rename(columns={"digest": "settings"})
    write_html(outputs.html, table)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
