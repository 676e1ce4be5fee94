"""The header of a safetensors file, read without torch."""

import json
import os
from typing import Any

#: Metadata key under which this project stores the record of a network.
RECORD = "friendlyfire"

#: Largest size of a header in bytes, by the format's own limit. Source: the safetensors format, "Notes".
LARGEST_HEADER = 100_000_000


def record_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the record of a network that this project saved; empty for any other file."""
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= LARGEST_HEADER else {}
        return json.loads(header["__metadata__"][RECORD])
    except (OSError, ValueError, KeyError, TypeError):  # missing file, not JSON, missing key, not a mapping
        return {}
