"""Download or check the source of a data set, and write an inventory of it."""

from engine.job import run

import json
import logging
from pathlib import Path

from friendlyfire.datasets.downloads import download, refuse_unsafe_archives
from friendlyfire.datasets.images import source_splits
from friendlyfire.datasets.roles import draw_roles
from friendlyfire.datasets.sources import NATIVE_SHAPES


def main(inputs, outputs, settings):
    root = Path(settings["data_dir"])
    refuse_unsafe_archives()
    if settings["source"] in set(NATIVE_SHAPES) - {"digits"}:
        download(settings["source"], root)
    splits = source_splits(settings, root, settings["seed"])
    counts = {name: len(split.labels) for name, split in splits.items()}
    # Fail now if there are too few images, before any long job.
    draw_roles(settings, {name: min(count, settings.get(name) or count) for name, count in counts.items()})
    stock = {
        "source": settings["source"],
        "classes": len(splits["test"].class_names),
        "images": counts,
        "fingerprints": {name: split.fingerprint() for name, split in splits.items()},
    }
    logging.info("%s", stock)
    Path(outputs.stock).write_text(json.dumps(stock, indent=2) + "\n", encoding="utf-8")


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
