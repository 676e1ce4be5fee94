"""Results of one experiment -> the estimate of each claim, with bootstrap draws over the images."""

from engine.job import run

from contextlib import ExitStack
from functools import partial

import numpy as np
import pandas as pd

from engine.kinds import bases_of_network, tested_claims
from engine.notes import made
from engine.twins import original_of
from friendlyfire.claims.sample import Sample
from friendlyfire.claims.verdicts import doubts, interval
from friendlyfire.datasets.images import Dataset
from friendlyfire.declarations import declared, function_at
from friendlyfire.records.intervals import FEWEST
from friendlyfire.records.progress import progress
from friendlyfire.records.seeds import derive_seed, repetition_of
from friendlyfire.records.stores import create_store, open_store
from friendlyfire.records.tables import read_table, write_table

#: Why a claim about projected images is not trusted where none of them is classified.
GUESSES = "no projection is classified better than by a constant guess; raise perturbations.images"


def too_few(name, images):
    """Return why an estimate is not trusted that rests on so few images or perturbations; empty if it is."""
    counts = f"the counts of perturbations.{name}" if name in declared("attacks") else "the counts of its stages"
    return f"{name} rests on {images} images or perturbations: raise {counts}" if images < FEWEST else ""


def guessing(network):
    """Return why claims about a network's directions are not trusted, of its table row; empty if they are."""
    numbers = f"({network.accuracy:.1%}, {network.majority:.1%})"
    at_chance = network.ci_low <= network.majority
    return f"{network.experiment} is no better than a constant guess {numbers}" if at_chance else ""


def main(inputs, outputs, settings):
    section, experiment, kinds = settings["claims"], settings["experiment"], declared("claims")
    rows, found = [], {}
    with ExitStack() as stack:
        dataset = Dataset(stack.enter_context(open_store(inputs.dataset, "dataset")))
        labels = dataset.part("measured").labels()

        def sampled(paths, name, **options):
            folder = f"results/{name}/"
            return Sample(
                {path.removeprefix(folder): stack.enter_context(open_store(path, None, name)) for path in paths},
                pixels=dataset.pixels,
                side=dataset.shape[1],
                majority=float(np.bincount(labels).max() / len(labels)),
                made_by_network=bases_of_network(settings["config"], name),
                draws=section["draws"],
                # The same draws of images for all repetitions, which are measured on the same.
                seed=partial(derive_seed, settings["seed"], "claims", repetition_of(experiment)[0]),
                **options,
            )

        original = original_of(settings["config"], experiment)
        twin = sampled(inputs.original, original) if inputs.original else None
        sample = sampled(inputs.results, experiment, original=twin)
        perturbations = [
            store.record.get("perturbations") for path, store in sample.stores.items() if "deepfool-high" in path
        ]
        least = min((count for count in perturbations if count), default=dataset.pixels)
        # Of the experiment, and of its original.
        doubt = [doubts(read_table(path), least, dataset.pixels) for path in inputs.quality]
        networks = [read_table(path).iloc[0] for path in inputs.networks]
        chance, others = guessing(networks[0]), {}
        for network in networks[1:]:  # of other experiments, with their repetitions
            others[network.experiment] = others.get(network.experiment) or guessing(network)
        tested = tested_claims(settings["config"], experiment)
        for name in progress(tested, "claims"):
            sample.fewest, sample.best, sample.doubt = np.inf, np.nan, ""
            estimates = function_at(kinds[name]["make"])(sample)
            for part, draws in (estimates if isinstance(estimates, dict) else {"": estimates}).items():
                images = int(sample.fewest_of.pop(part, sample.fewest))
                few = too_few(part or name, images)
                low, high = interval(draws[0], draws[1:], images, *kinds[name].get("range", ()))
                row = {"claim": name, "part": part, "estimate": draws[0], "ci_low": low, "ci_high": high}
                concerned = doubt if "twin" in kinds[name] else doubt[:1]
                of_quality = [one.get(kinds[name].get("trust"), "") for one in concerned]
                # Whether a network learned anything is what claims about lessons ask.
                reasons = [
                    "" if "lessons" in kinds[name] else chance,
                    others.get(repetition_of(original)[0] if "twin" in kinds[name] else part, ""),
                    few,
                    *of_quality,
                    GUESSES if sample.guesses else "",
                    sample.doubt,
                ]
                reason = next(filter(None, reasons), "")
                rows.append({"experiment": experiment, **row, "images": images, "doubt": reason})
                found[f"{name}/{part or 'all'}"] = draws
    write_table(outputs.claims, pd.DataFrame(rows), settings)
    units = "1 + draws: the estimate as measured, then bootstrap draws over the images"
    record = {"experiment": experiment, "claims": [[row["claim"], row["part"]] for row in rows], "units": units}
    with create_store(outputs.draws, "claims", {**record, **made(settings)}) as store:
        for name, draws in found.items():
            store.array(name, draws.astype(np.float32))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
