"""Perturbations and a basis -> the mean fraction of their norm inside the first columns, at each rank."""

import numpy as np
import pandas as pd

from friendlyfire.deepfool import Status
from friendlyfire.fractions import norm_fractions
from friendlyfire.intervals import mean_interval
from friendlyfire.ranks import rank_grid
from friendlyfire.stores import open_store
from job import run

#: Perturbations whose direction means something: of an iterative attack, those that succeeded.
COUNTED = {"deepfool": (Status.CONVERGED,), "uap": (Status.CONVERGED,)}
ANY = (Status.CONVERGED, Status.NOT_CONVERGED)


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        classes = len(store.record["class_names"])
    with open_store(inputs.basis, "basis", settings["experiment"]) as store:
        basis, rounds = store["vectors"], store["rounds"]
    grid = rank_grid(settings["accuracy"], basis.shape[1], rounds, classes)
    tables = []
    for path in inputs.perturbations:
        with open_store(path, "perturbations", settings["experiment"]) as store:
            attack = store.record["attack"]
            counted = np.isin(store["statuses"], COUNTED.get(attack, ANY)) & (store["norms"] > 0)
            fractions = norm_fractions(store["perturbations"][counted], basis, grid["rank"].tolist())
        low, high = mean_interval(fractions)
        tables.append(
            grid.assign(
                attack=attack, fraction=fractions.mean(0), ci_low=low, ci_high=high, perturbations=len(fractions)
            )
        )
    table = pd.concat(tables)
    table.insert(0, "experiment", settings["experiment"])
    table.insert(1, "basis", settings["basis"])
    table.to_csv(outputs.fractions, index=False)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
