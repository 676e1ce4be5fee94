"""Images that make directions -> their principal components."""

from engine.job import run

import logging

import numpy as np

from basis_store import write_basis
from engine.notes import made
from friendlyfire.bases.basis import Basis, singular_directions
from friendlyfire.datasets.images import Dataset
from friendlyfire.records.stores import open_store


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        part, mean = dataset.part("directions", settings["bases"]["pca_images"]), dataset.mean.reshape(-1)

        def centred(rows: slice) -> np.ndarray:
            return part.images(rows.start, rows.stop).reshape(-1, dataset.pixels) / 255 - mean

        vectors, values = singular_directions(centred, len(part), dataset.pixels)
    logging.info("%d images: rank %d of %d", len(part), len(values), dataset.pixels)
    record = {
        "experiment": settings["experiment"],
        "basis": "pca",
        "settings": settings["bases"],
        **made(settings),
        "role": "directions",
        "images": len(part),
        "units": "vectors: unit norm; scores: singular values of the mean-subtracted images, pixels in [0, 1]",
    }
    write_basis(outputs.basis, Basis(vectors, values), record)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
