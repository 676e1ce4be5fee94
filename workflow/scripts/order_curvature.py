"""Eigenpairs of every class -> one basis of the most positive, negative, extreme or flattest directions."""

from engine.job import run

import logging
from collections.abc import Callable
from functools import partial

import numpy as np

from basis_store import write_basis
from engine.notes import made
from friendlyfire.bases.basis import interleave
from friendlyfire.records.stores import Store, open_store

#: Sort keys of the eigenvalues, one for each list of directions that a class gives.
ORDERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], ...]] = {
    "curvature-positive": (np.negative,),
    "curvature-negative": (np.positive,),
    "curvature-extreme": (np.negative, np.positive),
    "curvature-flat": (np.abs,),
}


def main(inputs, outputs, settings):
    basis, directions = settings["basis"], settings["curvature"]["directions"]
    by_class = {}
    for path in inputs.curvature:
        with open_store(path, "curvature", settings["experiment"]) as store:
            pixels = store.record["pixels"]
            by_class.update({c: read_class(store, c) for c in store.record["classes"]})
    lists, counts = [], []
    for c in sorted(by_class):
        values, vectors = by_class[c]
        for key in ORDERS[basis]:
            order = np.argsort(key(values), kind="stable")
            order = order if directions == "all" else order[:directions]
            lists.append(partial(direction, values, vectors, order))
            counts.append(len(order))
    result = interleave(lists, counts, pixels)
    logging.info(
        "%s: rank %d of %d, after %d directions a class", basis, len(result.scores), pixels, len(result.rounds)
    )
    record = {
        "experiment": settings["experiment"],
        "basis": basis,
        "settings": settings["curvature"],
        **made(settings),
        "units": "vectors: unit norm; scores: eigenvalues, logits / pixel^2",
    }
    write_basis(outputs.basis, result, record)


def read_class(store: Store, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored eigenvalues (k,) and eigenvectors (d, k) of class ``c``."""
    return store[f"{c}/values"][store[f"{c}/kept"]], store[f"{c}/vectors"]


def direction(values: np.ndarray, vectors: np.ndarray, order: np.ndarray, j: int) -> tuple[np.ndarray, float]:
    """The j-th direction in ``order`` and its curvature."""
    return vectors[:, order[j]].astype(np.float64), float(values[order[j]])


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
