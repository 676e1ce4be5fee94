"""What a figure or a page reads: tables as one, stores as a list."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_tables


def read_inputs(reads: Mapping[str, str], inputs: Any, stores: ExitStack) -> dict[str, Any]:
    """Load the inputs of a job by the words of ``reads`` in a declaration.

    Args:
        reads: patterns of paths, by word.
        inputs: of the job.
        stores: keeps the stores open.

    Returns:
        For each word a table, None if the job has no such input, or a list of stores.
    """
    found = {}
    for word, pattern in reads.items():
        paths = inputs.get(word, [])
        paths = [paths] if isinstance(paths, str) else paths
        if pattern.endswith(".csv"):
            found[word] = read_tables(paths) if paths else None
        else:
            found[word] = [stores.enter_context(open_store(path, None)) for path in paths]
    return found
