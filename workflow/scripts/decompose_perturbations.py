"""Perturbations -> their singular vectors, from the highest singular value and from the lowest."""

import logging

import numpy as np

from basis_store import write_basis
from friendlyfire.bases import Basis, singular_directions
from friendlyfire.deepfool import Status
from friendlyfire.stores import open_store
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
        write_basis(
            path,
            Basis(np.ascontiguousarray(vectors[:, ::step]), values[::step]),
            {**record, "basis": f"{settings['attack']}-{order}"},
        )


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
