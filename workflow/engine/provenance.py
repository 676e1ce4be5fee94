"""Provenance of a result: the settings of every stage behind it, and a chain of digests back to the images.

Settings are a flat dict from a key of the configuration ("digits-lenet.networks.epochs") to its value. It also holds
the digests of the images and of the network, by file name. It holds nothing that may differ between equal runs: no
shard numbers, device, version or date.

The seal of a result is a digest of its name, its settings, its code, its contents and the seals of its inputs. The
seals form a Merkle tree, so one result cannot replace another, and a changed input is detected.
Source: R. C. Merkle, "A digital signature based on a conventional encryption function", CRYPTO 1987.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.sections import experiment_settings, network_section
from friendlyfire.records.errors import ProvenanceError

#: Keys that split the work into jobs; no result depends on them.
SHARES = ("shards",)


def settings_of(params: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """Return the settings in a job's params: the seed, and sections of an experiment or a data set.

    Args:
        params: ``seed``, and either sections of stages or the entries of one data set.
        scope: name of the experiment, or ``datasets.<name>``.
    """
    flat = {}
    for name, value in params.items():
        if name == "seed":
            flat[name] = value
        elif isinstance(value, Mapping):
            flat.update({f"{scope}.{name}.{key}": entry for key, entry in value.items() if key not in SHARES})
        else:
            flat[f"{scope}.{name}"] = value
    return json.loads(json.dumps(flat))


def configured(config: Mapping[str, Any], key: str) -> Any:
    """Return the present value of one of these keys in the configuration; None if it is not set."""
    if key == "seed":
        return config["seed"]
    scope, *path = key.split(".")
    if scope != "datasets":
        if scope not in config["experiments"]:
            return None
        value = {
            path[0]: config["experiments"][scope]["dataset"]
            if path == ["dataset"]
            else experiment_settings(config, scope, path[0])
        }
    else:
        value = config["datasets"]
    for part in path:
        # An attack of Foolbox without options has the options {}.
        value = value.get(part, {} if path[:2] == ["perturbations", "foolbox"] else None)
        if value is None:
            return None
    return json.loads(json.dumps(value))


def unite(inputs: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the settings of all inputs of a job.

    Args:
        inputs: settings, and contents, by the path of the input.
        config: the present configuration.

    Raises:
        ProvenanceError: an input was made with other settings than the present configuration, or two inputs come from
            different networks or images. The message has both values and the command to recreate the inputs.
    """
    united: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for path, settings in inputs.items():
        # What was off leaves no setting behind: it may be on now.
        for key, value in {**dict.fromkeys(_switched_on(settings, config)), **settings}.items():
            now = value if _is_file(key) else configured(config, key)
            if now != value:
                raise ProvenanceError(
                    f"{path} was made with {key} = {value!r}, but the configuration has {now!r}; "
                    f"recreate it with: snakemake --cores all --force {path}"
                )
            if united.setdefault(key, value) != value:
                raise ProvenanceError(
                    f"{origin[key]} and {path} come from different {key} ({united[key]} and {value}); "
                    f"recreate them with: snakemake --cores all --force {origin[key]} {path}"
                )
            origin.setdefault(key, path)
    return united


def _switched_on(settings: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Return the keys of the sections ``networks`` that are set now, and were not when these settings were used."""
    ending = ".networks.architecture"
    names = [key.removesuffix(ending) for key in settings if key.endswith(ending)]
    return [
        key
        for name in names
        if name in config["experiments"]
        for key, value in settings_of({"networks": network_section(config, name)}, name).items()
        if key not in settings and value is not None
    ]


def digest(settings: Mapping[str, Any]) -> str:
    """Return a digest of settings (SHA-256 of their JSON): "s" and eleven hex digits, so it never reads as a number."""
    return "s" + hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:11]


#: Entries that the seal of a result covers.
SEALED = ("result", "settings", "code", "contents", "inputs")


def seal(record: Mapping[str, Any]) -> str:
    """Return the seal of a result, a digest of sixteen hex digits of the entries :data:`SEALED`."""
    return hashlib.sha256(json.dumps([record[key] for key in SEALED], sort_keys=True).encode()).hexdigest()[:16]


def identity_of(record: Mapping[str, Any]) -> str:
    """Return the identity of a training: its settings, its code, the user's own included, and its images.

    Args:
        record: with ``settings`` and ``code``.
    """
    about_the_end = ("expected_accuracy", "accuracy_tolerance", "at_chance")
    settings = {k: v for k, v in record["settings"].items() if k.rpartition(".")[2] not in about_the_end}
    return json.dumps([settings, record["code"]], sort_keys=True)


def is_result(path: str) -> bool:
    """Whether a file is a result, and so has a provenance note."""
    return path.startswith("results/") and not path.startswith(("results/logs/", "results/provenance/"))


def note_of(path: str) -> Path:
    """Return the path of a result's provenance note."""
    return Path("results/provenance", f"{Path(path).relative_to('results')}.json")


def _is_file(key: str) -> bool:
    return "/" in key
