"""A seed -> an orthonormal basis drawn at random."""

import numpy as np

from friendlyfire.bases import random_basis
from friendlyfire.datasets import Dataset
from friendlyfire.seeds import derive_seed
from friendlyfire.stores import create_store, open_store
from job import run


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        pixels = Dataset(store).pixels
    seed = derive_seed(settings["seed"], "bases", settings["experiment"], "random")
    vectors = random_basis(pixels, pixels, seed)
    record = {
        "experiment": settings["experiment"],
        "basis": "random",
        "settings": {},
        "seed": settings["seed"],
        "units": "vectors: unit norm; scores: 1",
    }
    with create_store(outputs.basis, "basis", record) as store:
        store.array("vectors", vectors, axis=1)
        store.array("scores", np.ones(pixels))
        store.array("rounds", np.empty(0, dtype=np.int64))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
