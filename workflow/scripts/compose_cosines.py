"""An image shape -> the discrete cosines of its channels, from low to high frequency."""

import numpy as np

from friendlyfire.bases import cosine_basis
from friendlyfire.datasets import Dataset
from friendlyfire.stores import create_store, open_store
from job import run


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        vectors = cosine_basis(Dataset(store).shape)
    record = {
        "experiment": settings["experiment"],
        "basis": "dct",
        "settings": {},
        "seed": settings["seed"],
        "units": "vectors: unit norm; scores: 1",
    }
    with create_store(outputs.basis, "basis", record) as store:
        store.array("vectors", vectors, axis=1)
        store.array("scores", np.ones(vectors.shape[1]))
        store.array("rounds", np.empty(0, dtype=np.int64))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
