"""Perturbations -> their singular vectors, from the highest singular value and from the lowest."""

from engine.job import run

import logging

import numpy as np

from basis_store import write_basis
from engine.notes import made
from friendlyfire.attacks.statuses import Status
from friendlyfire.bases.basis import Basis, singular_directions
from friendlyfire.records.stores import Store, open_store


def main(inputs, outputs, settings):
    side = int(settings["side"]) if "side" in settings else None
    with open_store(inputs.perturbations, "perturbations", settings["experiment"]) as store:
        fooled = np.flatnonzero(~store["held_out"] & (store["statuses"] == Status.CONVERGED) & (store["norms"] > 0))
        shape = store.record["shape"]
        vectors, values = singular_directions(
            lambda part: unit_rows(store, fooled[part], shape, side), len(fooled), int(np.prod(shape))
        )
        record = {
            "experiment": settings["experiment"],
            "settings": store.record["settings"],
            "side": side,
            **made(settings),
            "perturbations": len(fooled),
            "units": "vectors: unit norm; scores: singular values of the perturbations of unit norm",
        }
    logging.info("%d perturbations: rank %d of %d", len(fooled), len(values), len(vectors))
    for order, path, step in (("high", outputs.high, 1), ("low", outputs.low, -1)):
        name = f"{settings['attack']}-{order}" + (f"-{side}px" if side else "")
        write_basis(path, Basis(vectors[:, ::step], values[::step]), {**record, "basis": name})


def unit_rows(store: Store, positions: np.ndarray, shape: list[int], side: int | None) -> np.ndarray:
    """Perturbations (m, d) at these positions of their store, sampled down and up if need be, of unit norm.

    PAPER 4.3: unit norm, so that a large perturbation counts no more than a small one.
    """
    rows = store.rows("perturbations", positions)
    if side:
        import torch  # 3 s, which the perturbations as they are do not need

        from friendlyfire.measures.resampling import resampled

        rows = resampled(torch.from_numpy(rows).reshape(-1, *shape), side).flatten(1).numpy()
    return rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True).astype(np.float32)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
