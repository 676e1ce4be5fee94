"""Gather the shards of the perturbations in one store, in the order of the images."""

from engine.job import run

import logging
from contextlib import ExitStack

import numpy as np

from engine.notes import made
from friendlyfire.attacks.statuses import count_statuses, with_direction
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.stores import Store, create_store, open_store


def main(inputs, outputs, settings):
    with ExitStack() as stack:
        shards = [
            stack.enter_context(open_store(path, "perturbations", settings["experiment"])) for path in inputs.shards
        ]
        statuses, norms = (np.concatenate([shard[name] for shard in shards]) for name in ("statuses", "norms"))
        record = {**shards[0].record, **made(settings)}
        with create_store(outputs.perturbations, "perturbations", record) as target:
            for name in shards[0].keys():  # noqa: SIM118 (a Store is not a dict)
                shape, dtype = shards[0].shape(name), shards[0].read(name, slice(0, 0)).dtype
                array = target.empty(name, (len(norms), *shape[1:]), dtype)
                for start in range(0, len(norms), array.chunks[0]):
                    stop = min(start + array.chunks[0], len(norms))
                    array[start:stop] = rows(shards, name, start, stop)
    counts = count_statuses(statuses)
    usable = norms[np.isin(statuses, with_direction(settings["attack"]))]
    if not len(usable):
        raise NetworkError(
            f"{settings['attack']} found no perturbation for any image of {settings['experiment']}: {counts}; check "
            "whether the network's output is constant"
        )
    logging.info("%s; mean norm %.4g, median %.4g", counts, usable.mean(), np.median(usable))


def rows(shards: list[Store], name: str, start: int, stop: int) -> np.ndarray:
    """Read rows ``start`` to ``stop`` of an array that is split into shards."""
    parts, offset = [], 0
    for shard in shards:
        length = shard.shape(name)[0]
        parts.append(shard.read(name, slice(max(start - offset, 0), max(stop - offset, 0))))
        offset += length
    return np.concatenate(parts)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
