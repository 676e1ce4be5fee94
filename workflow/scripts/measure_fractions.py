"""Perturbations and a basis -> the mean fraction of their norm inside the first columns, at each rank."""

import numpy as np
import pandas as pd

from friendlyfire.datasets import Dataset
from friendlyfire.errors import NetworkError
from friendlyfire.fractions import norm_fractions
from friendlyfire.intervals import mean_interval
from friendlyfire.ranks import rank_grid
from friendlyfire.statuses import Status
from friendlyfire.stores import Store, open_store
from job import run
from tables import write_table

#: Perturbations whose direction means something: of an iterative attack, those that succeeded.
COUNTED = {"deepfool": (Status.CONVERGED,), "uap": (Status.CONVERGED,)}
#: Values of perturbations to hold at once.
ELEMENTS = 2**25

ANY = (Status.CONVERGED, Status.NOT_CONVERGED)


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        classes = len(Dataset(store).chosen_classes(settings["curvature"]["classes"]))
    with open_store(inputs.basis, "basis", settings["experiment"]) as store:
        basis, rounds = store["vectors"], store["rounds"]
    grid = rank_grid(settings["accuracy"], basis.shape[1], rounds, classes)
    tables = []
    for path in inputs.perturbations:
        with open_store(path, "perturbations", settings["experiment"]) as store:
            attack = store.record["attack"]
            # Only of images that no basis was made of: inside their own singular vectors they are whole.
            fooling = fooling_rate(store)
            counted = np.isin(store["statuses"], COUNTED.get(attack, ANY)) & (store["norms"] > 0)
            counted[: -store.record["held_out"]] = False
            counted = np.flatnonzero(counted)
            if len(counted) < 2:
                raise NetworkError(
                    f"{attack} fooled {len(counted)} of {store.record['held_out']} held-out images of "
                    f"{settings['experiment']}, and 2 are needed; raise perturbations.held_out"
                )
            parts = np.array_split(counted, -(-len(counted) * len(basis) // ELEMENTS))
            fractions = np.concatenate(
                [norm_fractions(store.rows("perturbations", part), basis, grid["rank"].tolist()) for part in parts]
            )
        low, high = mean_interval(fractions)
        tables.append(
            grid.assign(
                attack=attack,
                fraction=fractions.mean(0),
                ci_low=low,
                ci_high=high,
                perturbations=len(fractions),
                fooling=fooling,
            )
        )
    table = pd.concat(tables)
    table.insert(0, "experiment", settings["experiment"])
    table.insert(1, "basis", settings["basis"])
    write_table(outputs.fractions, table, settings)


def fooling_rate(store: Store) -> float:
    """Share of held-out images that an attack fools; of universal perturbations, their mean after the last pass."""
    if "rates" in store:
        return float(np.mean([rates[np.isfinite(rates)][-1] for rates in store["rates"]]))
    return float((store["statuses"][-store.record["held_out"] :] == Status.CONVERGED).mean())


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
