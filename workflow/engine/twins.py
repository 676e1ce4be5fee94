"""Twins: experiments with all settings of another experiment, except those that they state themselves."""

from collections.abc import Mapping
from typing import Any

from engine.sections import merged
from friendlyfire.records.errors import ConfigError


def with_twins(experiments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the experiments, each twin with the settings of its original under its own.

    Raises:
        ConfigError: an original does not exist, or is a twin itself.
    """
    found = {}
    for name, own in experiments.items():
        original = own.get("twin_of") if isinstance(own, Mapping) else None
        if original is None:
            found[name] = own
            continue
        others = [other for other, one in experiments.items() if isinstance(one, Mapping) and not one.get("twin_of")]
        if original not in others:
            what = "a twin itself" if original in list(experiments) else "no experiment"
            raise ConfigError(
                f"config: experiments.{name}.twin_of: {original!r} is {what}; choose from {', '.join(others)}"
            )
        found[name] = merged(experiments[original], own)
    return found


def original_of(config: Mapping[str, Any], experiment: str) -> str | None:
    """Return the experiment whose twin an experiment is; None if it is no twin."""
    return config["experiments"][experiment].get("twin_of")


def originals(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the original of each twin in the suite, by the name of the twin."""
    found = {name: original_of(config, name) for name in config["suites"][config["suite"]]}
    return {name: original for name, original in found.items() if original}
