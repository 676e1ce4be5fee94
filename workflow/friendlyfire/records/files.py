"""Files that are there whole or not at all, and what stands for their bytes."""

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """A path beside ``path`` to write to; what is there is moved to ``path`` when the block ends without an error.

    Its name is used once, so that two that write the same file at the same time do not write into each other.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
