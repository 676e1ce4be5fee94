"""Perturbations -> their singular vectors, from the highest singular value and from the lowest."""

import logging

import numpy as np

from friendlyfire.bases import singular_directions
from friendlyfire.deepfool import Status
from friendlyfire.stores import create_store, open_store
from job import run


def main(inputs, outputs, settings):
    with open_store(inputs.perturbations, "perturbations", settings["experiment"]) as store:
        norms = store["norms"]
        fooled = (store["statuses"] == Status.CONVERGED) & (norms > 0)
        # PAPER 4.3: unit norm, so that a large perturbation counts no more than a small one.
        rows = store["perturbations"][fooled] / norms[fooled, None].astype(np.float32)
        record = {
            "experiment": settings["experiment"],
            "settings": store.record["settings"],
            "seed": settings["seed"],
            "perturbations": int(fooled.sum()),
            "units": "vectors: unit norm; scores: singular values of the perturbations of unit norm",
        }
    vectors, values = singular_directions(lambda part: rows[part], len(rows), rows.shape[1])
    logging.info("%d perturbations: rank %d of %d", len(rows), len(values), rows.shape[1])
    for order, path, step in (("high", outputs.high, 1), ("low", outputs.low, -1)):
        with create_store(path, "basis", {**record, "basis": f"{settings['attack']}-{order}"}) as store:
            store.array("vectors", np.ascontiguousarray(vectors[:, ::step]), axis=1)
            store.array("scores", values[::step])
            store.array("rounds", np.empty(0, dtype=np.int64))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
