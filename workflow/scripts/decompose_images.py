"""Training images -> their principal components."""

import logging

import numpy as np

from basis_store import write_basis
from friendlyfire.bases import Basis, singular_directions
from friendlyfire.datasets import Dataset
from friendlyfire.stores import open_store
from job import run
from records import made


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        split = store.record["mean_of"]
        first, last = dataset.span(split, settings["bases"]["pca_images"])
        mean = dataset.mean.reshape(-1)

        def centred(part: slice) -> np.ndarray:
            return dataset.images(split, first + part.start, first + part.stop).reshape(-1, dataset.pixels) / 255 - mean

        vectors, values = singular_directions(centred, last - first, dataset.pixels)
    logging.info("%d images: rank %d of %d", last - first, len(values), dataset.pixels)
    record = {
        "experiment": settings["experiment"],
        "basis": "pca",
        "settings": settings["bases"],
        **made(settings),
        "images": last - first,
        "units": "vectors: unit norm; scores: singular values of the mean-subtracted images, pixels in [0, 1]",
    }
    write_basis(outputs.basis, Basis(vectors, values), record)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
