"""The kinds that a configuration knows: those of the library, and the user's own, declared by the same keys."""

import re
from collections.abc import Mapping
from typing import Any

from engine.sections import experiment_settings
from friendlyfire.declarations import Kind, declared

#: Name of a basis of perturbations that were sampled down to so many pixels a side, and up again (figure 4, ImageNet).
RESAMPLED = re.compile(r"(?P<basis>.+)-(?P<side>[1-9]\d*)px")

#: Colours of the user's own kinds, in the order of their names (P. Tol's muted scheme, told apart by the colour-blind).
OWN_COLOURS = ("#882255", "#44AA99", "#332288", "#999933", "#AA4499", "#117733", "#88CCEE", "#CC6677")


def bases_of(config: Mapping[str, Any], experiment: str) -> dict[str, Kind]:
    """The bases of an experiment by name: the library's, and the entries of its section ``bases`` that say ``make``."""
    section = experiment_settings(config, experiment, "bases")
    kinds = sorted((name, kind) for name, kind in section.items() if isinstance(kind, Mapping))
    own = {
        name: {
            "label": name,
            "colour": OWN_COLOURS[number % len(OWN_COLOURS)],
            "settings": [f"bases.{name}", "bases.directions", "bases.pca_images"],
            "scores": "1",
            "own": True,
            **kind,
            "with": kind.get("options", {}),
        }
        for number, (name, kind) in enumerate(kinds)
    }
    return {**declared("bases"), **own}


def attacks_of(config: Mapping[str, Any], experiment: str) -> dict[str, Kind]:
    """The attacks of an experiment by name: the library's, and those of its section ``attacks``."""
    section = experiment_settings(config, experiment, "attacks")
    kinds = {name: {"make": kind} if isinstance(kind, str) else kind for name, kind in section.items()}
    usual = {"options": {}, "gives": "inputs", "own": True}
    own = {name: {"label": name, **usual, **kind, "declared": section[name]} for name, kind in kinds.items()}
    return {**declared("attacks"), **own}


def attack_kind(config: Mapping[str, Any], experiment: str, name: str) -> tuple[Kind, dict[str, Any]]:
    """The declaration of an attack and its options; of an attack of Foolbox the ``name`` is one of them.

    Args:
        config: the configuration.
        experiment: name of the experiment.
        name: as in the configuration, or as in the names of files, where "foolbox:L2PGD" is "foolbox-L2PGD".
    """
    kinds, section = attacks_of(config, experiment), experiment_settings(config, experiment, "perturbations")
    if name in kinds:
        kind = kinds[name]
        return kind, dict(kind["options"] if kind.get("own") else section[name])
    family, _, name = name.replace(":", "-").partition("-")
    return kinds[family], {"name": name, **section[family].get(name, {})}


def attacks_of_images(config: Mapping[str, Any]) -> list[str]:
    """Names of all attacks that are made image by image, but Foolbox's."""
    kinds = [kind for experiment in config["experiments"] for kind in attacks_of(config, experiment).items()]
    return list(dict.fromkeys(name for name, kind in kinds if kind["gives"] != "universal" and "named" not in kind))


def attack_labels(config: Mapping[str, Any]) -> dict[str, str]:
    """What figures call each attack."""
    return {
        name: kind["label"]
        for experiment in config["experiments"]
        for name, kind in attacks_of(config, experiment).items()
    }


def basis_kind(config: Mapping[str, Any], experiment: str, name: str) -> Kind:
    """The declaration of a basis, with ``side`` where its perturbations are resampled to so many pixels, else None."""
    kinds, sampled = bases_of(config, experiment), RESAMPLED.fullmatch(name)
    if name in kinds or not sampled:
        return {**kinds[name], "side": None}
    kind = kinds[sampled["basis"]]
    of = f"{kind['of']}-{sampled['side']}px" if kind["from"] == "basis" else kind["of"]
    return {**kind, "of": of, "side": int(sampled["side"])}


def reader_of(kind: Kind) -> str:
    """The function that reads what a basis is made from, "package.module:name"."""
    return f"friendlyfire.bases.materials:{kind['from']}"


#: Entries of a declaration that no result depends on: words, and what a job takes.
NO_RESULT = ("label", "colour", "description", "options", "gigabytes", "hours")


def computing(kind: Kind) -> str:
    """What a declaration says of the computation, in a text that changes with it."""
    return repr(sorted((key, value) for key, value in kind.items() if key not in NO_RESULT))


def reader_of_measure(part: str) -> str:
    """The function that reads one thing that a measure is ``from``, "package.module:name"."""
    return f"friendlyfire.measures.materials:{part}"


def legend(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What legends call each basis, and its colour."""
    return {
        name: {"label": kind["label"], "colour": kind["colour"]}
        for experiment in config["experiments"]
        for name, kind in bases_of(config, experiment).items()
    }
