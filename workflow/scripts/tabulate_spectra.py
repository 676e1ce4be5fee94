"""Decompositions -> their spectra and quality records as tables."""

import dataclasses

import numpy as np
import pandas as pd

from caption import write_caption
from friendlyfire.curvature import Quality
from friendlyfire.stores import Store, open_store
from job import run
from tables import write_table

QUALITY = [field.name for field in dataclasses.fields(Quality)]


def main(inputs, outputs, settings):
    experiment = settings["experiment"]
    by_class = {}
    for path in inputs.curvature:
        with open_store(path, "curvature", experiment) as store:
            for c, name in zip(store.record["classes"], store.record["class_names"], strict=True):
                by_class[c] = spectrum("curvature", name, store[f"{c}/values"]), quality_of(store, c, name)
    # Of any number of shards, in the order of the classes.
    spectra, quality = ([pair[i] for _, pair in sorted(by_class.items())] for i in (0, 1))
    for kind in ("deepfool", "pca"):
        for path in getattr(inputs, kind):
            with open_store(path, "basis", experiment) as store:
                spectra.append(spectrum(kind, "", store["scores"]))
    columns = ["experiment", "spectrum", "class", "index", "value"]
    write_table(outputs.spectra, pd.concat(spectra).assign(experiment=experiment)[columns], settings)
    columns = ["class", "hessian", "solver", "probes", "step", *QUALITY, "pairs", "converged", "images"]
    columns += [
        f"boundary_{status}"
        for status in ("converged", "already_there", "not_converged", "zero_gradient", "non_finite")
    ]
    table = pd.DataFrame(quality, columns=columns).astype(dict.fromkeys(("leading", "points", "gradients"), int))
    table.insert(0, "experiment", experiment)
    write_table(outputs.quality, table, settings)
    write_caption(inputs, outputs, experiment=experiment)


def spectrum(kind: str, name: str, values: np.ndarray) -> pd.DataFrame:
    """One spectrum in long form, numbered from 1."""
    return pd.DataFrame({"spectrum": kind, "class": name, "index": np.arange(1, len(values) + 1), "value": values})


def quality_of(store: Store, c: int, name: str) -> dict:
    """One row of the quality table: the record of class ``c``."""
    section, statuses = store.record["settings"], store[f"{c}/statuses"]
    counts = {f"boundary_{status}": int((statuses == code).sum()) for status, code in store.record["statuses"].items()}
    return {
        "class": name,
        **{key: section[key] for key in ("hessian", "solver", "probes")},
        "step": store.record["step"] if section["hessian"] == "differences" else None,
        **dict(zip(QUALITY, store[f"{c}/quality"], strict=True)),
        "pairs": len(store[f"{c}/converged"]),
        "converged": int(store[f"{c}/converged"].sum()),
        "images": len(statuses),
        **counts,
    }


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
