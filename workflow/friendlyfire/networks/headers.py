"""What a safetensors file says of itself, read without torch."""

import json
import os
from typing import Any

#: Key of the metadata under which this project describes a network that it saved.
RECORD = "friendlyfire"

#: Bytes of a header at most, by the format's own limit. Source: the safetensors format, "Notes".
LARGEST_HEADER = 100_000_000


def record_of(path: str | os.PathLike) -> dict[str, Any]:
    """What is kept with a network that this project saved; empty of any other file."""
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= LARGEST_HEADER else {}
        return json.loads(header["__metadata__"][RECORD])
    except (OSError, ValueError, KeyError, TypeError):  # not there, no JSON, no such key, nothing that has keys
        return {}
