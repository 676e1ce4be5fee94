"""Data sets of torchvision, downloaded if they are absent."""

import logging
import tarfile
from pathlib import Path

from friendlyfire.records.errors import DataError, in_a_line


def refuse_unsafe_archives() -> None:
    """Keep archives that torchvision unpacks in this process from writing outside their folder (PEP 706)."""
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)


def download(source: str, root: Path) -> None:
    """Download one of torchvision's data sets and check its hashes, unless it is already under ``root``."""
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
