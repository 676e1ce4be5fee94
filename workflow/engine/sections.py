"""The sections of the configuration for one experiment."""

from collections.abc import Mapping
from typing import Any

from friendlyfire.declarations import declared


def experiment_settings(config: Mapping[str, Any], experiment: str, stage: str) -> dict[str, Any]:
    """Return the section ``stage`` with the overrides of ``experiment``."""
    return _merge(config[stage], config["experiments"][experiment].get(stage, {}))


def network_section(config: Mapping[str, Any], experiment: str) -> dict[str, Any]:
    """Return the section ``networks`` without the options of what is off, so that these have no part in any result."""
    section = experiment_settings(config, experiment, "networks")
    off = {name for name in declared("robust") if name != section["robust"]}
    if section["robust"] is None:
        off |= {"robust"} if section["robustness"]["radius"] else {"robust", "robustness"}
    return {key: value for key, value in section.items() if key not in off}


def is_trained(config: Mapping[str, Any], experiment: str) -> bool:
    """Whether the network of an experiment is trained here rather than imported."""
    return experiment_settings(config, experiment, "networks")["weights"] is None


def threads_of(config: Mapping[str, Any], experiment: str | None) -> int:
    """Return the threads of a job on the CPU: those of its experiment if set there, else those of all."""
    return config["experiments"].get(experiment, {}).get("threads", config["threads"])


def _merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = _merge(base[key], value) if both else value
    return {key: merged[key] for key in sorted(merged)}  # the order of keys in a file does not matter
