"""A basis -> its store, of one form whatever made it."""

from friendlyfire.bases.basis import Basis
from friendlyfire.records.stores import create_store


def write_basis(path: str, basis: Basis, record: dict) -> None:
    """Write ``vectors`` (d, k), ``scores`` (k,) and ``rounds`` (r,), and nothing else."""
    with create_store(path, "basis", record) as store:
        store.array("vectors", basis.vectors, axis=1)
        store.array("scores", basis.scores)
        store.array("rounds", basis.rounds)
