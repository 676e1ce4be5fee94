"""Repetitions of an experiment, each with random draws of its own: network, attacks, directions, controls.

A repetition is an experiment of the name "experiment@number". Every draw depends on the name of its experiment, so the
draws of two repetitions are independent. The images keep their order and their roles, which belong to the data set.
"""

from collections.abc import Mapping
from typing import Any

from friendlyfire.records.seeds import repetition


def with_repetitions(config: Mapping[str, Any]) -> dict[str, Any]:
    """The experiments and suites of a configuration, with every repetition as an experiment of its own.

    A repetition whose weights are those of another experiment takes those of the repetition of the same number.
    """
    known = {name: numbers_of(overrides) for name, overrides in config["experiments"].items()}
    experiments = {}
    for name, numbers in known.items():
        overrides = config["experiments"][name]
        experiments[name] = overrides
        for number in numbers:
            experiments[repetition(name, number)] = _numbered(overrides, number, known)
    suites = {
        suite: [repetition(name, number) for name in names for number in known[name]]
        for suite, names in config["suites"].items()
    }
    return {"experiments": experiments, "suites": suites}


def numbers_of(overrides: Mapping[str, Any]) -> list[int]:
    """The numbers of the repetitions of an experiment."""
    seeds = overrides.get("seeds", 1)
    return list(range(seeds)) if isinstance(seeds, int) else list(seeds)


def _numbered(overrides: Mapping[str, Any], number: int, known: Mapping[str, list[int]]) -> Mapping[str, Any]:
    """The overrides of one repetition."""
    networks = overrides.get("networks", {})
    for name, numbers in known.items():
        if number in numbers and networks.get("weights") == f"results/{name}/network.safetensors":
            weights = f"results/{repetition(name, number)}/network.safetensors"
            return {**overrides, "networks": {**networks, "weights": weights}}
    return overrides
