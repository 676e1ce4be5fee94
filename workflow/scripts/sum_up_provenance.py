"""Write the provenance of figures, tables and every result behind them, as one file and as a table."""

from engine.job import run

import json
from pathlib import Path

import pandas as pd

from engine.notes import results_behind
from friendlyfire.records.tables import write_html


def main(inputs, outputs, settings):
    found = results_behind(inputs.results)
    made_with = {record["digest"]: record["settings"] for record in found.values()}
    results = {
        path: {key: value for key, value in record.items() if key != "settings"} for path, record in found.items()
    }
    whole = {"results": results, "settings": made_with}
    Path(outputs.json).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    columns = ["rule", "digest", "code", "commit", "device", "threads", "python", "torch", "began", "seconds"]
    rows = [{"result": path, **record, **record["packages"]} for path, record in found.items()]
    table = pd.DataFrame(rows)[["result", *columns, "peak_gib"]]
    write_html(outputs.html, table)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
