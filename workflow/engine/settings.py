"""Checks of the configuration before any job starts."""

import ast
import difflib
import importlib
import importlib.util
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.kinds import RESAMPLED, attacks_of, bases_of, basis_kind, lacking, tested_claims
from engine.repetitions import compared
from engine.schema import stages
from engine.sections import experiment_settings, teacher_of
from engine.twins import original_of, originals
from friendlyfire.datasets.class_names import IMAGENET
from friendlyfire.datasets.sources import image_shape, known_classes, sampled_sides
from friendlyfire.declarations import Kind, declared
from friendlyfire.networks.headers import record_of
from friendlyfire.records.errors import ConfigError, in_a_line
from friendlyfire.records.seeds import repetition_of

#: Prefix of Foolbox's attacks in the configuration.
FOOLBOX = "foolbox:"

#: Largest number of dimensions in which a basis of the whole space is formed: 3.2 GB in float64.
LARGEST_SQUARE = 20_000

#: Keys of a request on the command line; ``compare`` is a second network, or a mapping with the keys of one.
REQUEST = ("network", "weights", "normalisation", "classes", "name", "images", "size", "channels", "compare")

_WORDS = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"[-+]?(?!0\d)(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")  # 007 is a name, not a number

#: Names under results/ that no experiment may have.
RESERVED = ("crate", "datasets", "figures", "logs", "provenance", "tables")


def typed(value: Any) -> Any:
    """Return ``value`` with every text in it that spells a number, true, false or null converted to that value.

    Snakemake leaves nested values of ``--config 'curvature={images: 20}'`` as text, and YAML 1.1 does so with 1e-3.
    """
    if isinstance(value, Mapping):
        return {key: typed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [typed(entry) for entry in value]
    if not isinstance(value, str):
        return value
    if value in _WORDS:
        return _WORDS[value]
    for number in (int, float):
        if _NUMBER.fullmatch(value):
            try:
                return number(value)
            except ValueError:
                continue
    return value


def check_schema(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check ``config`` against the JSON schema.

    Raises:
        ConfigError: the first fault, in one line: the key, its value, and what is allowed.
    """
    from jsonschema import Draft202012Validator, validators
    from jsonschema.exceptions import best_match

    # JSON schema accepts 5.0 as an integer; range() does not.
    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    error = best_match(validators.extend(Draft202012Validator, type_checker=whole)(schema).iter_errors(config))
    if error is None:
        return
    key = ".".join(str(part) for part in error.absolute_path)
    match error.validator:
        case "additionalProperties":
            allowed = error.schema.get("properties", {})
            unknown = sorted(set(error.instance) - set(allowed))
            known = [*allowed, *([] if key else REQUEST)]
            close = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.8)
            message = f"unknown key {', '.join(map(repr, unknown))}; allowed: {', '.join(sorted(known))}"
            message += f"; did you mean {close[0]}?" if close else ""
        case "enum":
            message = f"{error.instance!r} is not allowed; choose from {', '.join(map(str, error.validator_value))}"
        case "pattern" if "description" in error.schema:
            message = f"{error.instance!r} is not allowed; choose from {error.schema['description']}"
        case "required" if key.startswith("experiments."):
            others = ", ".join(name for name in config["experiments"] if name not in key)
            message = f"{error.message}, which every new experiment needs; existing experiments: {others}"
        case "required":
            message = error.message
        case _:
            message = error.message.splitlines()[0]
            if "description" in error.schema:
                message += f" ({error.schema['description']})"
    raise ConfigError(": ".join(part for part in ("config", key, message) if part))


def suite_experiments(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the chosen suite's experiments, in its order."""
    return list(config["suites"][config["suite"]])


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check everything in ``config`` that can be checked before a job runs.

    Raises:
        ConfigError: the first fault, in one line: the key, its value, and what is allowed.
    """
    _check_entries(config)
    check_schema(config, schema)
    _check_named("suite", config["suite"], config["suites"])
    for suite, experiments in config["suites"].items():
        for experiment in experiments:
            _check_named(f"suites.{suite}", experiment, config["experiments"])
    for experiment, overrides in config["experiments"].items():
        if experiment in RESERVED:
            raise ConfigError(
                f"config: experiments: {experiment!r} is a reserved name; do not use {', '.join(RESERVED)}"
            )
        _check_named(f"experiments.{experiment}.dataset", overrides["dataset"], config["datasets"])
    for name, dataset in config["datasets"].items():
        _check_dataset(name, dataset)
    for experiment in experiments_behind(config, [*suite_experiments(config), *originals(config).values()]):
        _check_experiment(config, experiment)


def experiments_behind(config: Mapping[str, Any], experiments: Iterable[str]) -> Iterable[str]:
    """Yield experiments and those that they take networks or directions from, each before what it takes from."""
    waiting, found = list(experiments), set()
    while waiting:
        experiment = waiting.pop(0)
        if experiment not in found:
            found.add(experiment)
            chains = [*network_chain(config, experiment)[1:], *teacher_chain(config, experiment)[1:]]
            yield experiment
            waiting += chains
            waiting += [kind["of"] for kind in bases_of(config, experiment).values() if kind["from"] == "experiment"]
            waiting += [repetition_of(name)[0] for name in compared(config, experiment)]


def network_chain(config: Mapping[str, Any], experiment: str) -> list[str]:
    """Return an experiment, then the experiment whose network it imports by ``networks.weights``, and so on.

    Raises:
        ConfigError: the chain is a cycle.
    """
    chain, source = [], experiment
    while source:
        chain.append(source)
        source = weights_source(config, source)
        if source in chain:
            raise ConfigError(
                f"config: {chain[-1]}: networks.weights: {' <- '.join([*chain, source])}: a network cannot be "
                "imported from itself; give another file, 'published', or null to train"
            )
    return chain


def teacher_chain(config: Mapping[str, Any], experiment: str) -> list[str]:
    """Return an experiment, then the experiment whose network changes its training images, and so on.

    Raises:
        ConfigError: there is no such experiment, or the chain is a cycle.
    """
    chain = [experiment]
    while teacher := teacher_of(config, chain[-1]):
        _check_named(f"{chain[-1]}: networks.train_on.of", teacher, config["experiments"])
        if teacher in chain:
            raise ConfigError(
                f"config: {chain[-1]}: networks.train_on.of: {' <- '.join([*chain, teacher])}: a network cannot change "
                "its own training images; give another experiment"
            )
        chain.append(teacher)
    return chain


def weights_source(config: Mapping[str, Any], experiment: str) -> str | None:
    """Return the experiment whose network ``networks.weights`` names; None if it names none."""
    match Path(experiment_settings(config, experiment, "networks")["weights"] or "").parts:
        case ("results", name, "network.safetensors") if name in config["experiments"]:
            return name
    return None


def _check_twin(config: Mapping[str, Any], experiment: str) -> None:
    """Raise if an experiment cannot be compared with the one whose twin it is."""
    original = original_of(config, experiment)
    if original is None:
        return
    both, key = (original, experiment), f"config: {experiment}: twin_of: {original}"
    shapes = [image_shape(config["datasets"][config["experiments"][name]["dataset"]]) for name in both]
    if len(set(shapes)) > 1:
        raise ConfigError(f"{key} has images of shape {shapes[0]}, not {shapes[1]}; give both the same")
    margins = {str(experiment_settings(config, name, "margins")) for name in both}
    if len(margins) > 1 and "flipped-profile" in tested_claims(config, experiment):
        raise ConfigError(f"{key} has another section margins; give both the same for the claim flipped-profile")


def _check_named(key: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise ConfigError(f"config: {key}: there is no {value!r}; choose from {', '.join(allowed)}")


def _check_entries(section: Any, *path: str) -> None:
    """Raise on entries that the schema accepts as names and numbers: the key 2024, .nan and .inf."""
    if isinstance(section, Mapping | list):
        entries = section.items() if isinstance(section, Mapping) else enumerate(section)
        for key, value in entries:
            if isinstance(section, Mapping) and not isinstance(key, str):
                place = ".".join(("config", *path))
                raise ConfigError(f"{place}: the key {key!r} is not text; write it in quotes, '{key}', in YAML")
            _check_entries(value, *path, str(key))
    elif isinstance(section, float) and not math.isfinite(section):
        raise ConfigError(f"config: {'.'.join(path)}: {section} is not a finite number")


def _check_dataset(name: str, dataset: Mapping[str, Any]) -> None:
    key, source = f"config: datasets.{name}", dataset["source"]
    needs = {"folder": ("folder", "size"), "ImageNet": ("size",)}.get(source, ())
    for needed in needs:
        if dataset.get(needed) is None:
            raise ConfigError(f"{key}: source {source} needs the key {needed!r}")
    for given in ("folder", "size", "channels"):
        if dataset.get(given) is not None and given not in (*needs, "channels" if needs else ""):
            raise ConfigError(f"{key}: source {source} has its own images; remove the key {given!r}")


def _check_experiment(config: Mapping[str, Any], experiment: str) -> None:
    name, dataset = config["experiments"][experiment]["dataset"], _dataset_of(config, experiment)
    if dataset["source"] == "folder" and not Path(dataset["folder"]).is_dir():
        raise ConfigError(
            f"config: datasets.{name}.folder: {dataset['folder']} is not a folder; give one that holds train/<class>/ "
            "and test/<class>/, or class folders alone"
        )
    _check_twin(config, experiment)
    if experiment in suite_experiments(config):
        for other in experiment_settings(config, experiment, "pages")["compare"]:
            _check_named(f"{experiment}: pages.compare", other, suite_experiments(config))
    channels, height, width = image_shape(dataset)
    pixels, key = channels * height * width, f"config: {experiment}"
    sections = {stage: experiment_settings(config, experiment, stage) for stage in (*stages(), "attacks")}
    networks, curvature, figures = sections["networks"], sections["curvature"], sections["figures"]
    classes, known = sections["boundary"]["classes"], known_classes(dataset)
    for name, chosen in (
        ("boundary.classes", classes if classes != "all" else []),
        ("scores.shown", [sections["scores"]["shown"]] if figures["scores"] else []),
    ):
        if known and max(chosen, default=0) >= known:
            raise ConfigError(f"{key}: {name}: there is no class {max(chosen)}; the data set has 0 to {known - 1}")
    if networks["crop_padding"] > height:
        raise ConfigError(
            f"{key}: networks.crop_padding: {networks['crop_padding']} is more than the {height} pixels of its images"
        )
    attacks = {name: kind for name, kind in attacks_of(config, experiment).items() if "named" not in kind}
    for name, kind in attacks.items():
        if kind.get("own"):
            if name in declared("attacks"):
                raise ConfigError(f"{key}: attacks.{name}: this name belongs to a built-in attack; choose another")
            _check_function(f"{key}: attacks.{name}", kind["make"])
    for attack in sections["fractions"]["attacks"]:
        if attack.startswith(FOOLBOX):
            _check_foolbox_attack(f"{key}: fractions.attacks", attack.removeprefix(FOOLBOX))
        else:
            _check_named(f"{experiment}: fractions.attacks", attack, [*attacks, f"{FOOLBOX}<Attack>"])
    kinds = _check_bases(config, experiment, min(height, width))
    for other in figures["transfer"] if figures["transfer"] != "suite" else []:
        _check_other(f"{experiment}: figures.transfer", config, experiment, other)
    if figures["scores"] and classes != "all" and sections["scores"]["shown"] not in classes:
        raise ConfigError(
            f"{key}: scores.shown: class {sections['scores']['shown']} is not one of boundary.classes; add it there"
        )
    if pixels > LARGEST_SQUARE and sections["bases"]["directions"] is None:
        asked = sorted(name for name, kind in kinds.items() if "bases.directions" in kind["settings"])
        if asked:
            raise ConfigError(
                f"{key}: bases.directions: {asked[0]} with all {pixels} dimensions does not fit into memory; "
                "set bases.directions"
            )
    if pixels > LARGEST_SQUARE and figures["manifold"]:
        raise ConfigError(
            f"{key}: figures.manifold: the complement in {pixels} dimensions does not fit into memory; leave it empty, "
            "or set a smaller size of the images"
        )
    grids = {f"accuracy.{name}": sections["accuracy"][name] for name in ("ranks", "directions_per_class")}
    for name, grid in {**grids, "confinement.ranks": sections["confinement"]["ranks"]}.items():
        beyond = [rank for rank in grid if rank > pixels] if isinstance(grid, list) else []
        if beyond:
            raise ConfigError(f"{key}: {name}: {beyond[0]} is more than the {pixels} dimensions of its images")
    if sections["margins"]["width"] > pixels:
        raise ConfigError(
            f"{key}: margins.width: {sections['margins']['width']} is more than the {pixels} dimensions of its images"
        )
    for side in sections["resampling"]["sides"]:
        if side > height:
            raise ConfigError(f"{key}: resampling.sides: {side} is more than the {height} pixels of its images")
        if not sampled_sides([side], height)[0]:
            raise ConfigError(f"{key}: resampling.sides: {side} of {height} pixels is less than one pixel")
    if isinstance(curvature["directions"], int) and curvature["directions"] > pixels:
        raise ConfigError(
            f"{key}: curvature.directions: {curvature['directions']} is more than the {pixels} dimensions of its images"
        )
    asked = sections["claims"]["tested"]
    for claim in asked if asked != "all" else []:
        _check_named(f"{experiment}: claims.tested", claim, declared("claims"))
        if lack := lacking(config, experiment, claim):
            raise ConfigError(f"{key}: claims.tested: {claim} needs {lack}")
    if curvature["solver"] == "lanczos":
        if curvature["directions"] == "all":
            raise ConfigError(f"{key}: curvature.directions: 'all' needs solver dense; set a number for lanczos")
        if 2 * curvature["directions"] > min(pixels, curvature["max_products"]):
            raise ConfigError(
                f"{key}: curvature.directions: {curvature['directions']} at each end of the spectrum are too many for "
                f"{pixels} dimensions and {curvature['max_products']} products (max_products)"
            )
        if "flat" in figures["scores"]:
            raise ConfigError(f"{key}: figures.scores: flat needs curvature.solver dense")
        for name, kind in kinds.items():
            if "flat" in kind.get("with", {}).get("orders", ()):
                raise ConfigError(
                    f"{key}: {kind['shown']}: {name} needs curvature.solver dense; lanczos finds the ends of the "
                    "spectrum"
                )
    if networks["train_on"]:
        _check_train_on(config, experiment, networks)
    _check_networks(f"{key}: networks", networks, channels, made_here=weights_source(config, experiment) is not None)


def _check_bases(config: Mapping[str, Any], experiment: str, side: int) -> dict[str, Kind]:
    """Check the bases of an experiment whose images have ``side`` pixels.

    Returns:
        The kinds that its figures and pages show; ``shown`` is the key that names each.
    """
    shown = {}
    for name, kind in bases_of(config, experiment).items():
        if "basis" in kind:
            _check_borrowed_basis(config, experiment, name, kind)
        if "own" in kind:
            _check_own_basis(f"config: {experiment}: bases.{name}", name, kind)
    for noun, name in _lists_of_bases():
        for basis in experiment_settings(config, experiment, noun)[name]:
            _check_basis_name(f"{experiment}: {noun}.{name}", basis, bases_of(config, experiment), side)
            shown.setdefault(basis, {**basis_kind(config, experiment, basis), "shown": f"{noun}.{name}"})
    return shown


def _check_basis_name(key: str, basis: str, known: Mapping[str, Kind], side: int) -> None:
    """Check that a basis is known, or one of resampled perturbations; the images have ``side`` pixels per side."""
    sampled = None if basis in known else RESAMPLED.fullmatch(basis)
    if not (sampled and known.get(sampled["basis"], {}).get("from") in ("perturbations", "basis")):
        _check_named(key, basis, (*known, "deepfool-high-<side>px"))
    elif int(sampled["side"]) > side:
        raise ConfigError(f"config: {key}: {basis}: the images have only {side} pixels per side")


def _lists_of_bases() -> list[tuple[str, str]]:
    """Return the sections and keys that name bases to show."""
    kinds = [(noun, kind) for noun in ("figures", "pages") for kind in declared(noun).values()]
    return list(dict.fromkeys((noun, key) for noun, kind in kinds for key in kind.get("bases", ())))


def _check_borrowed_basis(config: Mapping[str, Any], experiment: str, name: str, kind: Kind) -> None:
    """Check that another experiment has this basis, of images of the same shape, and does not make it from itself."""
    key, other, basis = f"{experiment}: bases.{name}", kind["of"], kind["basis"]
    if kind["from"] != "experiment":
        raise ConfigError(f"config: {key}: 'basis' names a basis of another experiment; remove the key 'from'")
    _check_other(f"{key}.of", config, experiment, other)
    _check_basis_name(f"{key}.basis", basis, bases_of(config, other), image_shape(_dataset_of(config, other))[1])
    place, passed = (other, basis), [(experiment, name)]
    while place and _is_basis(config, *place):  # what is not is reported where it is declared
        if place in passed:
            places = " <- ".join(f"{basis} of {one}" for one, basis in [*passed, place])
            raise ConfigError(f"config: {key}: {places}: a basis cannot be made from itself; choose another")
        passed.append(place)
        place = _basis_behind(config, *place)
    if lack := _basis_needs(config, *passed[-1]):
        raise ConfigError(f"config: {key}: {passed[-1][1]} of {passed[-1][0]} needs {lack} there")


def _check_other(key: str, config: Mapping[str, Any], experiment: str, other: str) -> None:
    """Check that there is another experiment of this name, with images of the same shape."""
    _check_named(key, other, config["experiments"])
    shapes = [image_shape(_dataset_of(config, name)) for name in (other, experiment)]
    if shapes[0] != shapes[1]:
        theirs, own = (" x ".join(map(str, shape)) for shape in shapes)
        raise ConfigError(
            f"config: {key}: images of {other} have the shape {theirs}, not {own}; choose an experiment with images of "
            "this shape"
        )


def _is_basis(config: Mapping[str, Any], experiment: str, basis: str) -> bool:
    if experiment not in config["experiments"]:
        return False
    known, sampled = bases_of(config, experiment), RESAMPLED.fullmatch(basis)
    return basis in known or bool(sampled and sampled["basis"] in known)


def _dataset_of(config: Mapping[str, Any], experiment: str) -> Mapping[str, Any]:
    return config["datasets"][config["experiments"][experiment]["dataset"]]


def _basis_behind(config: Mapping[str, Any], experiment: str, basis: str) -> tuple[str, str] | None:
    """Return the experiment and name of the basis that a basis is made from, if it is."""
    kind = basis_kind(config, experiment, basis)
    match kind["from"]:
        case "experiment":
            return kind["of"], kind["basis"]
        case "basis":
            return experiment, kind["of"]
    return None


def _basis_needs(config: Mapping[str, Any], experiment: str, basis: str) -> str:
    """Return what a basis needs that the configuration of its experiment does not have; empty if nothing."""
    kind, pixels = basis_kind(config, experiment, basis), math.prod(image_shape(_dataset_of(config, experiment)))
    directions = experiment_settings(config, experiment, "bases")["directions"]
    if "bases.directions" in kind["settings"] and pixels > LARGEST_SQUARE and directions is None:
        return "bases.directions"
    solver = experiment_settings(config, experiment, "curvature")["solver"]
    return "curvature.solver dense" if solver != "dense" and "flat" in kind.get("with", {}).get("orders", ()) else ""


def _check_own_basis(key: str, name: str, kind: Kind) -> None:
    if name in declared("bases") or RESAMPLED.fullmatch(name):
        raise ConfigError(f"{key}: the name {name!r} belongs to a built-in basis; choose another")
    if (kind["from"] in ("perturbations", "basis", "experiment")) != ("of" in kind):
        what = {"perturbations": "the attack", "basis": "the basis"}.get(kind["from"])
        raise ConfigError(
            f"{key}: from: {kind['from']} " + (f"needs the key 'of', {what}" if what else "takes no key 'of'")
        )
    _check_function(f"{key}.make", kind["make"])


def _check_networks(key: str, networks: Mapping[str, Any], channels: int, made_here: bool) -> None:
    """Check a section ``networks`` for images with ``channels``; its weights may come from another experiment."""
    weights, architecture, classes = networks["weights"], networks["architecture"], networks["classes"]
    of_library = architecture.startswith(("torchvision/", "timm/"))
    if weights is None and of_library and channels != 3:
        raise ConfigError(f"{key}.architecture: {architecture} needs 3 channels, but the images have {channels}")
    if weights == "published" and not of_library:
        raise ConfigError(f"{key}.weights: {architecture} has no published weights; give a file, or null")
    if weights not in (None, "published") and not made_here:
        if not Path(weights).is_file():
            raise ConfigError(f"{key}.weights: {weights} is not a file; give a path, 'published', or null to train")
        if networks["normalisation"] is None and not record_of(weights):
            raise ConfigError(
                f"{key}.normalisation: {weights} does not record how images are normalised; choose from "
                "dataset, imagenet, none, {mean: [...], std: [...]}"
            )
    if classes is not None and weights is None:
        raise ConfigError(
            f"{key}.classes: a network that is trained here has the classes of its data set; remove the key"
        )
    if isinstance(classes, str) and classes != IMAGENET and not Path(classes).is_file():
        raise ConfigError(f"{key}.classes: {classes} is not a file; give a list of names, a text file or {IMAGENET}")
    _check_robust(key, networks)
    check_architecture(f"{key}.architecture", architecture)


def _check_train_on(config: Mapping[str, Any], experiment: str, networks: Mapping[str, Any]) -> None:
    """Check ``networks.train_on`` of an experiment; its teacher exists."""
    train_on, key = networks["train_on"], f"config: {experiment}: networks.train_on"
    shape, other = (
        image_shape(config["datasets"][config["experiments"][name]["dataset"]]) for name in (experiment, train_on["of"])
    )
    if networks["weights"] is not None:
        raise ConfigError(f"{key}: a network is trained, but weights are given; set one of them to null")
    if shape != other:
        raise ConfigError(
            f"{key}.of: {train_on['of']} has images of shape {other}, not {shape}; give another experiment"
        )
    needed = train_on["images"] == "without-directions"
    if ("basis" in train_on) != ("rank" in train_on) or (needed and "basis" not in train_on):
        raise ConfigError(f"{key}: {train_on['images']} needs basis and rank{'' if needed else ', or neither'}")
    if not needed and "everywhere" in train_on:
        raise ConfigError(f"{key}.everywhere: it is for without-directions, not {train_on['images']}; remove the key")
    if not needed and "radius" not in train_on:
        raise ConfigError(f"{key}.radius: {train_on['images']} needs one: the L2 norm that attacks stay within")
    if "basis" in train_on:
        _check_named(f"{experiment}: networks.train_on.basis", train_on["basis"], bases_of(config, train_on["of"]))
        if train_on["rank"] >= math.prod(shape):
            raise ConfigError(f"{key}.rank: {train_on['rank']} leaves none of {math.prod(shape)} dimensions; set less")


def _check_robust(key: str, networks: Mapping[str, Any]) -> None:
    robust = networks["robust"]
    if robust and networks["weights"] is not None:
        raise ConfigError(f"{key}.robust: {robust} trains a network, but weights are given; set one of them to null")
    if networks["weights"] is not None and networks["robustness"]["radius"] is not None:
        raise ConfigError(
            f"{key}.robustness.radius: accuracy under attack is measured during training, but weights are given; set "
            "one of them to null"
        )
    if robust and networks["robustness"]["radius"] is None and "radius" not in networks[robust]:
        raise ConfigError(
            f"{key}.robustness.radius: {robust} needs one: after each epoch the accuracy under attack is measured, in "
            "a ball of this radius around each image"
        )


def check_architecture(key: str, name: str) -> None:
    """Check that the network exists, if its library is installed; torchvision is imported only for an unusual name."""
    library, slash, model = name.partition("/")
    if slash and importlib.util.find_spec(library):
        if library == "torchvision" and _is_registered(model):
            return
        models = importlib.import_module("torchvision.models" if library == "torchvision" else library)
        tagged = models.list_pretrained() if library == "timm" else []  # "resnet18.a1_in1k"
        _check_close(key, f"{library} has no network", model, [*models.list_models(), *tagged])
    elif ":" in name:
        _check_function(key, name)


def _is_registered(model: str) -> bool:
    """Whether a file of torchvision registers a classifier of that name; the import of torchvision takes seconds."""
    for path in (Path(importlib.util.find_spec("torchvision").origin).parent / "models").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if f"\ndef {model}(" in text:
            found = [node for node in ast.parse(text).body if getattr(node, "name", "") == model]
            return any(ast.unparse(one) == "register_model()" for node in found for one in node.decorator_list)
    return False


def _check_function(key: str, place: str) -> None:
    """Check that the user's function "package.module:name" exists; its module is parsed, not run."""
    module, _, factory = place.partition(":")
    try:
        spec = importlib.util.find_spec(module)  # imports the parent packages, which may run any code
    except ModuleNotFoundError:
        spec = None
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{key}: {place}: the package of {module!r} cannot be imported ({in_a_line(error)}); fix it"
        ) from error
    if spec is None:
        raise ConfigError(
            f"{key}: there is no module {module!r} for {place!r}; put it on PYTHONPATH or in the working directory"
        )
    if not (spec.origin or "").endswith(".py"):
        raise ConfigError(f"{key}: {place}: {module!r} is not a Python file; give a module of your own")
    try:
        names = _names(Path(spec.origin))
    except (SyntaxError, ValueError) as error:  # ValueError: bytes that are not text
        raise ConfigError(f"{key}: {place}: {spec.origin} is not valid Python ({in_a_line(error)}); fix it") from error
    if factory not in names:
        raise ConfigError(f"{key}: module {module!r} ({spec.origin}) does not define {factory!r}")


def _check_foolbox_attack(key: str, name: str) -> None:
    """Check that Foolbox has an attack of that name, without importing it."""
    package = importlib.util.find_spec("foolbox")
    if package is None:
        raise ConfigError(f"{key}: {FOOLBOX}{name} needs Foolbox, which is not installed; pip install foolbox")
    known = _names(Path(package.origin).parent / "attacks" / "__init__.py")
    _check_close(key, "Foolbox has no attack", name, known)


def _check_close(key: str, lack: str, name: str, known: Iterable[str]) -> None:
    """Raise on an unknown name, and suggest similar ones."""
    if name not in known:
        import difflib

        close = difflib.get_close_matches(name, known) or sorted(known)[:3]
        raise ConfigError(f"{key}: {lack} {name!r}; did you mean {' or '.join(close)}?")


def _names(path: Path) -> set[str]:
    """Return the names that the Python file at ``path`` binds; it is parsed, not run."""
    names = set()
    for node in ast.walk(ast.parse(importlib.util.decode_source(path.read_bytes()))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
    return names
