"""Figures and tables -> whether they, and every result on the way to them, are what was written."""

import logging

from friendlyfire.stores import open_store
from job import run
from records import results_behind


def main(inputs, outputs, settings):
    checked = results_behind(inputs.results)  # tables and networks by their checksums
    for path in checked:
        if path.endswith(".zarr.zip"):
            with open_store(path, None) as store:
                store.check()
    logging.info("%d results are what was written", len(checked))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
