"""The sections of the configuration for one experiment."""

from collections.abc import Mapping
from typing import Any

from friendlyfire.declarations import declared


def experiment_settings(config: Mapping[str, Any], experiment: str, stage: str) -> dict[str, Any]:
    """Return the section ``stage`` with the overrides of ``experiment``."""
    return merged(config[stage], config["experiments"][experiment].get(stage, {}))


def network_section(config: Mapping[str, Any], experiment: str) -> dict[str, Any]:
    """Return the section ``networks`` without the options of what is off, so that these have no part in any result."""
    section = experiment_settings(config, experiment, "networks")
    off = {name for name in declared("robust") if name != section["robust"]}
    if section["robust"] is None:
        off |= {"robust"} if section["robustness"]["radius"] else {"robust", "robustness"}
    if section["train_on"] is None:
        off.add("train_on")
    return {key: value for key, value in section.items() if key not in off}


def teacher_of(config: Mapping[str, Any], experiment: str) -> str | None:
    """Return the experiment whose network changes the training images of an experiment; None if there is none."""
    train_on = experiment_settings(config, experiment, "networks")["train_on"]
    return train_on["of"] if train_on else None


def is_trained(config: Mapping[str, Any], experiment: str) -> bool:
    """Whether the network of an experiment is trained here rather than imported."""
    return experiment_settings(config, experiment, "networks")["weights"] is None


def threads_of(config: Mapping[str, Any], experiment: str | None) -> int:
    """Return the threads of a job on the CPU: those of its experiment if set there, else those of all."""
    return config["experiments"].get(experiment, {}).get("threads", config["threads"])


def merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of ``base`` and ``override``; where both have one, that of ``override``, key by key."""
    found = dict(base)
    for key, value in override.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        found[key] = merged(base[key], value) if both else value
    return {key: found[key] for key in sorted(found)}  # the order of keys in a file does not matter
