"""The kinds available to a configuration: the library's, and the user's own, declared with the same keys."""

import re
from collections.abc import Mapping
from typing import Any

from engine.repetitions import compared
from engine.sections import experiment_settings
from friendlyfire.declarations import Kind, declared

#: Name of a basis of perturbations that were downsampled to a side in pixels and upsampled (figure 4, ImageNet).
RESAMPLED = re.compile(r"(?P<basis>.+)-(?P<side>[1-9]\d*)px")

#: The function that makes a page of an interactive figure. By name: an edit of it concerns no other figure.
PAGE = "friendlyfire.figures.standalone:page"

#: Entries of a basis of another experiment, which the user may override.
BORROWED = {"from": "experiment", "make": "friendlyfire.bases.basis:borrowed", "scores": "of the other experiment"}

#: Colours of the user's own kinds, in the order of their names (P. Tol's muted scheme, safe for the colour-blind).
OWN_COLOURS = ("#882255", "#44AA99", "#332288", "#999933", "#AA4499", "#117733", "#88CCEE", "#CC6677")


def bases_of(config: Mapping[str, Any], experiment: str) -> dict[str, Kind]:
    """Return the bases of an experiment by name: the library's, and the user's entries in its section ``bases``.

    An entry with the key ``basis`` is a basis of another experiment: ``of`` names the experiment.
    """
    section = experiment_settings(config, experiment, "bases")
    kinds = sorted((name, kind) for name, kind in section.items() if isinstance(kind, Mapping))
    own = {
        name: {
            "label": name,
            "colour": OWN_COLOURS[number % len(OWN_COLOURS)],
            "settings": [f"bases.{name}", "bases.directions", "bases.pca_images"],
            "scores": "1",
            "own": True,
            **({**BORROWED, "settings": [f"bases.{name}"], "own": "make" in kind} if "basis" in kind else {}),
            **kind,
            "with": kind.get("options", {}),
        }
        for number, (name, kind) in enumerate(kinds)
    }
    return {**declared("bases"), **own}


def attacks_of(config: Mapping[str, Any], experiment: str) -> dict[str, Kind]:
    """Return the attacks of an experiment by name: the library's, and those of its section ``attacks``."""
    section = experiment_settings(config, experiment, "attacks")
    kinds = {name: {"make": kind} if isinstance(kind, str) else kind for name, kind in section.items()}
    usual = {"options": {}, "gives": "inputs", "own": True}
    own = {name: {"label": name, **usual, **kind, "declared": section[name]} for name, kind in kinds.items()}
    return {**declared("attacks"), **own}


def attack_kind(config: Mapping[str, Any], experiment: str, name: str) -> tuple[Kind, dict[str, Any]]:
    """Return the declaration of an attack and its options; an attack of Foolbox has the option ``name``.

    Args:
        config: the configuration.
        experiment: name of the experiment.
        name: as in the configuration, or as in file names, where "foolbox:L2PGD" is "foolbox-L2PGD".
    """
    kinds, section = attacks_of(config, experiment), experiment_settings(config, experiment, "perturbations")
    if name in kinds:
        kind = kinds[name]
        return kind, dict(kind["options"] if kind.get("own") else section[name])
    family, _, name = name.replace(":", "-").partition("-")
    return kinds[family], {"name": name, **section[family].get(name, {})}


def attacks_of_images(config: Mapping[str, Any]) -> list[str]:
    """Return the names of all attacks that perturb each image by itself, except Foolbox's."""
    kinds = [kind for experiment in config["experiments"] for kind in attacks_of(config, experiment).items()]
    return list(dict.fromkeys(name for name, kind in kinds if kind["gives"] != "universal" and "named" not in kind))


def attack_labels(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the label of each attack in figures."""
    return {
        name: kind["label"]
        for experiment in config["experiments"]
        for name, kind in attacks_of(config, experiment).items()
    }


def basis_kind(config: Mapping[str, Any], experiment: str, name: str) -> Kind:
    """Return the declaration of a basis; ``side`` is the side its perturbations are resampled to, or None."""
    kinds, sampled = bases_of(config, experiment), RESAMPLED.fullmatch(name)
    if name in kinds or not sampled:
        return {**kinds[name], "side": None}
    kind = kinds[sampled["basis"]]
    of = f"{kind['of']}-{sampled['side']}px" if kind["from"] == "basis" else kind["of"]
    return {**kind, "of": of, "side": int(sampled["side"])}


def reader_of(kind: Kind) -> str:
    """Return the function, "package.module:name", that reads the material of a basis."""
    return f"friendlyfire.bases.materials:{kind['from']}"


#: Entries of a declaration that no result depends on: texts, and the resources of a job.
NO_RESULT = (
    *("label", "colour", "description", "options", "gigabytes", "hours"),
    *("statement", "estimate", "section", "holds", "control", "lacks", "over"),
)


def computing(kind: Kind) -> str:
    """Return the entries of a declaration that results depend on, as text."""
    return repr(sorted((key, value) for key, value in kind.items() if key not in NO_RESULT))


def reader_of_measure(part: str) -> str:
    """Return the function, "package.module:name", that reads one material of a measure."""
    return f"friendlyfire.measures.materials:{part}"


def legend(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the label and colour of each basis in legends."""
    return {
        name: {"label": kind["label"], "colour": kind["colour"]}
        for experiment in config["experiments"]
        for name, kind in bases_of(config, experiment).items()
    }


def tested_claims(config: Mapping[str, Any], experiment: str) -> list[str]:
    """Return the claims that an experiment is judged by: those listed, or all that its configuration allows."""
    asked = experiment_settings(config, experiment, "claims")["tested"]
    if asked != "all":
        return list(asked)
    return [name for name in declared("claims") if not lacking(config, experiment, name)]


def lacking(config: Mapping[str, Any], experiment: str, claim: str) -> str:
    """Return what a claim needs that the configuration of an experiment does not have; empty if nothing."""
    kind = declared("claims")[claim]
    experiments = config["experiments"]
    if "twin" in kind:
        both = (experiment, experiments[experiment].get("twin_of"))
        if both[1] is None:
            return "twin_of, the experiment that it is compared with"
        datasets = [config["datasets"][experiments[name]["dataset"]] for name in both]
        same = len({dataset.get("frequencies", "plain") for dataset in datasets}) == 1
        if same != (kind["twin"] == "the same frequencies"):
            return f"images with {kind['twin']} as those of {both[1]}"
    networks = experiment_settings(config, experiment, "networks")
    lesson = (networks["train_on"] or {}).get("images")
    if lesson not in kind.get("lessons", [lesson]):
        return f"{' or '.join(kind['lessons'])} in networks.train_on.images"
    if kind.get("robust") and networks["robust"] is None:
        return "networks.robust"
    reads, factor, bases = " ".join(kind["reads"]), kind.get("factor", 1), kind.get("bases", ())
    curvature, resampling, figures = (
        experiment_settings(config, experiment, name) for name in ("curvature", "resampling", "figures")
    )
    if curvature["solver"] != "dense" and ("flat" in reads or "slopes" in reads):
        return "curvature.solver dense"
    if factor not in resampling["factors"] and "resampling" in reads:
        return f"{factor} in resampling.factors"
    if "{theirs}" in reads and len(compared(config, experiment)) < 2:
        return "other networks in figures.transfer"
    shown = {*figures["fig3"], *figures["fig4"]}
    if "{basis}" not in reads and not shown.issuperset(bases):
        return f"{' and '.join(bases)} in figures.fig3 or figures.fig4"
    for key, needed in kind.get("asks", {}).items():
        section, _, entry = key.partition(".")
        if not set(needed) <= set(experiment_settings(config, experiment, section)[entry]):
            return f"{' and '.join(map(str, needed))} in {key}"
    if "{basis}" in reads and not (shown.issuperset(bases) and len(shown) > 1):
        return " and ".join(["several bases in figures.fig3 and figures.fig4", *bases])
    return ""


def bases_of_network(config: Mapping[str, Any], experiment: str) -> list[str]:
    """Return the names of the bases that come from the network, directly or through another basis."""
    kinds, others = bases_of(config, experiment), ("dataset", "architecture", "experiment")

    def source(name: str) -> str:
        kind = kinds[name]
        return source(kind["of"]) if kind["from"] == "basis" else kind["from"]

    return [name for name in kinds if source(name) not in others]
