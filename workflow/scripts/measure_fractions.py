"""Perturbations and a basis -> the fraction of their norm inside its first columns, at each rank, and its mean."""

from engine.job import run

import numpy as np
import pandas as pd

from engine.notes import made
from friendlyfire.attacks.statuses import Status, with_direction
from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.fractions import norm_fractions
from friendlyfire.measures.ranks import rank_grid
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import mean_interval
from friendlyfire.records.stores import Store, create_store, open_store
from friendlyfire.records.tables import write_table

#: Values of perturbations to hold at once.
ELEMENTS = 2**25


def main(inputs, outputs, settings):
    with open_store(inputs.dataset, "dataset") as store:
        classes = len(Dataset(store).chosen_classes(settings["boundary"]["classes"]))
    with open_store(inputs.basis, "basis", settings["experiment"]) as store:
        basis, rounds = store["vectors"], store["rounds"]
    grid = rank_grid(settings["accuracy"], basis.shape[1], rounds, classes)
    tables, arrays = [], {"ranks": grid["rank"].to_numpy()}
    for path in inputs.perturbations:
        with open_store(path, "perturbations", settings["experiment"]) as store:
            attack = store.record["attack"]
            judged, rates = judged_rows(store), fooling(store)
            usable = judged & np.isin(store["statuses"], with_direction(attack)) & (store["norms"] > 0)
            if usable.sum() < 2:
                raise NetworkError(
                    f"{attack} has {usable.sum()} usable perturbations of {judged.sum()} held-out images of "
                    f"{settings['experiment']}, and 2 are needed; raise held_out of its data set"
                )
            usable = np.flatnonzero(usable)
            parts = np.array_split(usable, -(-len(usable) * len(basis) // ELEMENTS))
            fractions = np.concatenate(
                [norm_fractions(store.rows("perturbations", part), basis, grid["rank"].tolist()) for part in parts]
            )
            name = attack.replace(":", "-")
            arrays[f"{name}/fractions"] = fractions.astype(np.float32)
            arrays[f"{name}/indices"] = store["indices"][usable] if "held_out" in store else usable
        low, high = mean_interval(fractions, bounds=(0, 1))
        tables.append(
            grid.assign(
                attack=attack,
                fraction=fractions.mean(0),
                ci_low=low,
                ci_high=high,
                perturbations=len(fractions),
                **rates,
            )
        )
    table = pd.concat(tables)
    table.insert(0, "experiment", settings["experiment"])
    table.insert(1, "basis", settings["basis"])
    write_table(outputs.fractions, table, settings)
    record = {
        "experiment": settings["experiment"],
        "basis": settings["basis"],
        "attacks": [str(attack) for attack in table["attack"].unique()],
        **made(settings),
        "units": "fractions: of the norm of each perturbation; indices: of its image, or its own number if it has none",
    }
    with create_store(outputs.images, "fractions", record) as target:
        for name, array in arrays.items():
            target.array(name, array)


def judged_rows(store: Store) -> np.ndarray:
    """Which perturbations (n,) are measured: those of held-out images; universal ones all, as they are of no image."""
    return store["held_out"] if "held_out" in store else np.ones(store.shape("norms")[0], dtype=bool)


def fooling(store: Store) -> dict:
    """Columns ``role``, ``images`` and ``fooling``: how many held-out images an attack fools, as a fraction.

    Of universal perturbations it is the mean over them after their last passes; of saliency maps there is none.
    """
    if "rates" in store:
        last = [rates[np.isfinite(rates)][-1] for rates in store["rates"]]
        return {"role": "directions", "images": store.record["held_out"], "fooling": float(np.mean(last))}
    statuses = store["statuses"][store["held_out"]]
    judged = (statuses != Status.NOT_JUDGED).any()
    rate = float((statuses == Status.CONVERGED).mean()) if judged else np.nan
    return {"role": "held-out", "images": len(statuses), "fooling": rate}


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
