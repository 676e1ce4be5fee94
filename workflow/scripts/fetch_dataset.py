"""A name or a folder -> the source of a data set, there and readable, and its stock."""

from engine.job import run

import json
import logging
import tarfile
from pathlib import Path

from friendlyfire.datasets.images import draw_roles, source_splits
from friendlyfire.datasets.sources import NATIVE_SHAPES
from friendlyfire.records.errors import DataError, in_a_line


def main(inputs, outputs, settings):
    root = Path(settings["data_dir"])
    refuse_unsafe_archives()
    if settings["source"] in set(NATIVE_SHAPES) - {"digits"}:
        download(settings["source"], root)
    splits = source_splits(settings, root, settings["seed"])
    counts = {name: len(split.labels) for name, split in splits.items()}
    # Too few images are an error now, before any job that takes time.
    draw_roles(settings, {name: min(count, settings.get(name) or count) for name, count in counts.items()})
    stock = {
        "source": settings["source"],
        "classes": len(splits["test"].class_names),
        "images": counts,
        "fingerprints": {name: split.fingerprint() for name, split in splits.items()},
    }
    logging.info("%s", stock)
    Path(outputs.stock).write_text(json.dumps(stock, indent=2) + "\n", encoding="utf-8")


def refuse_unsafe_archives() -> None:
    """From now on no archive that torchvision unpacks in this process can write outside its folder (PEP 706)."""
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)


def download(source: str, root: Path) -> None:
    """Download one of torchvision's sets, checked by its hashes, unless it is under ``root`` already."""
    import torchvision

    sets = getattr(torchvision.datasets, source)
    try:
        sets(root, download=False)
        logging.info("%s is in %s", source, root)
    except RuntimeError:
        logging.info("downloading %s to %s", source, root)
        try:
            sets(root, download=True)
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"{source} is not in {root} and cannot be downloaded ({in_a_line(error)}); "
                "set data_dir to a folder that holds it, or run this on a machine with network access"
            ) from error


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
