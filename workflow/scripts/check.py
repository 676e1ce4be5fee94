"""Check that figures and tables, and every result behind them, are unchanged since they were written."""

from engine.job import announce, run

from engine.notes import results_behind
from friendlyfire.records.errors import ProvenanceError
from friendlyfire.records.stores import open_store


def main(inputs, outputs, settings):
    # Pictures and captions are outputs of the jobs that make the numbers.
    checked = results_behind(inputs.results, beside=True)
    for path in checked:
        if path.endswith(".zarr.zip"):
            with open_store(path, None) as store:
                store.check()
    gone = {path for record in checked.values() for path in record["inputs"]} - set(checked)
    if gone:
        raise ProvenanceError(
            f"{len(gone)} results that others were made from are gone, such as {min(gone)}; recreate it with: "
            f"snakemake --cores all {min(gone)}"
        )
    announce(f"{len(checked)} results are unchanged since they were written")


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
