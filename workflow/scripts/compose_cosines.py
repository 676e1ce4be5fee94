"""An image shape -> the discrete cosines of its channels, from low to high frequency."""

from engine.job import run

import numpy as np

from basis_store import write_basis
from engine.notes import made
from friendlyfire.bases.basis import Basis, cosine_basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.records.stores import open_store


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        vectors = cosine_basis(dataset.shape, min(settings["bases"]["directions"] or dataset.pixels, dataset.pixels))
    record = {
        "experiment": settings["experiment"],
        "basis": "dct",
        "settings": settings["bases"],
        **made(settings),
        "units": "vectors: unit norm; scores: 1",
    }
    write_basis(outputs.basis, Basis(vectors, np.ones(vectors.shape[1])), record)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
