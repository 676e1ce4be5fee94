"""Repetitions of an experiment, each with random draws of its own: network, attacks, directions, controls.

A repetition is an experiment of the name "experiment@number". Every draw depends on the name of its experiment, so the
draws of two repetitions are independent. The images keep their order and their roles, which belong to the data set.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.sections import experiment_settings
from friendlyfire.datasets.sources import image_shape
from friendlyfire.records.errors import ConfigError
from friendlyfire.records.seeds import repetition, repetition_of


def with_repetitions(config: Mapping[str, Any]) -> dict[str, Any]:
    """The experiments and suites of a configuration, with every repetition as an experiment of its own.

    A repetition whose weights are those of another experiment takes those of the repetition of the same number. The
    original of a twin, and what changes training images, is that of the same number too, or else the first.
    """
    known = {name: numbers_of(overrides) for name, overrides in config["experiments"].items()}
    experiments = {}
    for name, numbers in known.items():
        overrides = config["experiments"][name]
        experiments[name] = overrides
        for number in numbers:
            experiments[repetition(name, number)] = _numbered(name, overrides, number, known)
    suites = {
        suite: [repetition(name, number) for name in names for number in known[name]]
        for suite, names in config["suites"].items()
    }
    return {"experiments": experiments, "suites": suites}


def numbers_of(overrides: Mapping[str, Any]) -> list[int]:
    """The numbers of the repetitions of an experiment."""
    seeds = overrides.get("seeds", 1)
    return list(range(seeds)) if isinstance(seeds, int) else list(seeds)


def counterpart(config: Mapping[str, Any], experiment: str, other: str) -> str:
    """The repetition of another experiment with the number of this one, or the first that it has."""
    number, numbers = repetition_of(experiment)[1], numbers_of(config["experiments"][other])
    return repetition(other, number if number in numbers else numbers[0])


def compared(config: Mapping[str, Any], experiment: str) -> list[str]:
    """The networks whose directions an experiment's network is measured on, a repetition each; its own are among them.

    They are those of ``figures.transfer``, with images of the same shape; none without that key.
    """
    asked = experiment_settings(config, experiment, "figures")["transfer"]
    if not asked:
        return []
    names = [repetition_of(name)[0] for name in config["suites"][config["suite"]]] if asked == "suite" else asked
    experiments, own = config["experiments"], repetition_of(experiment)[0]
    shapes = {name: image_shape(config["datasets"][experiments[name]["dataset"]]) for name in (*names, own)}
    same = [name for name in shapes if shapes[name] == shapes[own]]
    return [repetition(name, number) for name in same for number in numbers_of(experiments[name])]


def _numbered(
    name: str, overrides: Mapping[str, Any], number: int, known: Mapping[str, list[int]]
) -> Mapping[str, Any]:
    """The overrides of one repetition.

    Raises:
        ConfigError: its network is that of an experiment that has no repetition of this number.
    """
    original = overrides.get("twin_of")
    if original:
        # That of the same number, or the first.
        there = number if number in known[original] else known[original][0]
        overrides = {**overrides, "twin_of": repetition(original, there)}
    networks = overrides.get("networks", {})
    if (networks.get("train_on") or {}).get("of") in known:
        of = networks["train_on"]["of"]
        there = repetition(of, number if number in known[of] else known[of][0])
        networks = {**networks, "train_on": {**networks["train_on"], "of": there}}
        overrides = {**overrides, "networks": networks}
    match Path(networks.get("weights") or "").parts:
        case ("results", source, "network.safetensors") if number and source in known:
            if number not in known[source]:
                raise ConfigError(
                    f"config: experiments.{name}.seeds: {source}, whose network it takes, has no repetition {number}; "
                    f"give {source} the same seeds"
                )
            weights = f"results/{repetition(source, number)}/network.safetensors"
            return {**overrides, "networks": {**networks, "weights": weights}}
    return overrides
