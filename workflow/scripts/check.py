"""Figures and tables -> whether they, and every result on the way to them, are what was written."""

from engine.job import announce, run

from engine.notes import results_behind
from friendlyfire.records.stores import open_store


def main(inputs, outputs, settings):
    # What people look at, pictures and captions, is made by the jobs that make the numbers.
    checked = results_behind(inputs.results, beside=True)
    for path in checked:
        if path.endswith(".zarr.zip"):
            with open_store(path, None) as store:
                store.check()
    gone = {path for record in checked.values() for path in record["inputs"]} - set(checked)
    lost = f"; {len(gone)} that they were made from are gone, such as {min(gone)}" if gone else ""
    announce(f"{len(checked)} results are what was written{lost}")


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
