"""A seed -> an orthonormal basis drawn at random."""

from engine.job import run

import numpy as np

from basis_store import write_basis
from engine.notes import made
from friendlyfire.bases.basis import Basis, random_basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import open_store


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        pixels = Dataset(store).pixels
    seed = derive_seed(settings["seed"], "bases", settings["experiment"], "random")
    vectors = random_basis(pixels, min(settings["bases"]["directions"] or pixels, pixels), seed)
    record = {
        "experiment": settings["experiment"],
        "basis": "random",
        "settings": settings["bases"],
        **made(settings),
        "units": "vectors: unit norm; scores: 1",
    }
    write_basis(outputs.basis, Basis(vectors, np.ones(vectors.shape[1])), record)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
