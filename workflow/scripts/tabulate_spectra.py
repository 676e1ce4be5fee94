"""Write the spectra and quality records of decompositions as tables."""

from engine.job import run

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from friendlyfire.curvature.quality import Quality, SampledQuality, Stop
from friendlyfire.figures.captions import filled, write_caption
from friendlyfire.records.stores import Store, open_store
from friendlyfire.records.tables import read_tables, write_table

#: Possible outcomes of targeted attacks.
STATUSES = ("converged", "already_there", "not_converged", "zero_gradient", "non_finite")

#: Arrays of the boundary store with the class that is subtracted in the margin, and with that margin at the point.
MARGINS = {"clean": ("sources", "margins"), "rival": ("rivals", "rival_margins")}


def main(inputs, outputs, settings):
    experiment = settings["experiment"]
    by_class = {}
    for path, points in zip(inputs.curvature, inputs.boundary, strict=True):
        with open_store(path, "curvature", experiment) as store, open_store(points, "boundary", experiment) as boundary:
            for c, name in zip(store.record["classes"], store.record["class_names"], strict=True):
                by_class[c] = spectrum("curvature", name, store[f"{c}/values"]), quality_of(store, boundary, c, name)
    # In the order of the classes, for any number of shards.
    spectra, quality = ([pair[i] for _, pair in sorted(by_class.items())] for i in (0, 1))
    for kind in ("deepfool", "pca"):
        for path in getattr(inputs, kind):
            with open_store(path, "basis", experiment) as store:
                spectra.append(spectrum(kind, "", store["scores"]))
    columns = ["experiment", "spectrum", "class", "index", "value"]
    rows = pd.concat(spectra or [spectrum("", "", np.empty(0))])
    write_table(outputs.spectra, rows.assign(experiment=experiment)[columns], settings)
    sampled = any("stopped" in row for row in quality)
    columns = [
        "class",
        "source",
        "hessian",
        "solver",
        "probes",
        "step",
        *(part.name for part in fields(SampledQuality if sampled else Quality)),
        "pairs",
        "converged",
    ]
    columns += ["against_source", "margin", "images", *(f"boundary_{status}" for status in STATUSES)]
    counts = ["leading", "points", "gradients", *(["products"] if sampled else [])]
    table = pd.DataFrame(quality, columns=columns).astype(dict.fromkeys(counts, int))
    table.insert(0, "experiment", experiment)
    write_table(outputs.quality, table, settings)
    text = Path(inputs.caption).read_text(encoding="utf-8")
    caption = filled(text, read_tables(inputs.networks), experiment=experiment)
    write_caption(outputs.caption, caption)


def spectrum(kind: str, name: str, values: np.ndarray) -> pd.DataFrame:
    """Return one spectrum in long form, numbered from 1."""
    return pd.DataFrame({"spectrum": kind, "class": name, "index": np.arange(1, len(values) + 1), "value": values})


def quality_of(store: Store, boundary: Store, c: int, name: str) -> dict:
    """Return one row of the quality table: the record of class ``c``.

    ``against_source`` is the fraction of boundary points at which no third class scores above the source, so they lie
    on the boundary whose Hessian is measured. ``margin`` is the median of the remaining margin at the points, as a
    fraction of the clean image's margin with its predicted class.
    """
    section, statuses = store.record["settings"], boundary[f"{c}/statuses"]
    codes = boundary.record["statuses"]
    counts = {f"boundary_{status}": int((statuses == codes[status]).sum()) for status in STATUSES}
    named, margins = MARGINS[section["source"]]
    recorded = dict(zip(store.record["quality"], store[f"{c}/quality"], strict=True))
    if "stopped" in recorded:
        recorded["stopped"] = Stop(recorded["stopped"]).name.lower()
    return {
        "class": name,
        **{key: section[key] for key in ("source", "hessian", "solver", "probes")},
        "step": None if section["hessian"] == "exact" else store.record["step"],
        **recorded,
        "pairs": len(store[f"{c}/converged"]),
        "converged": int(store[f"{c}/converged"].sum()),
        "against_source": float((boundary[f"{c}/{named}"] == boundary[f"{c}/rivals"]).mean()),
        "margin": float(np.median(np.abs(boundary[f"{c}/{margins}"] / boundary[f"{c}/clean_margins"]))),
        "images": len(statuses),
        **counts,
    }


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
