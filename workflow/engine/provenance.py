"""What made a result: the settings of every stage that it came through, and a chain of digests back to the images.

Settings are a flat dict from a key of the configuration ("digits-lenet.networks.epochs") to its value. With them go the
contents of what all else is made from, the images and the network, by the file's name. Nothing is in it that may differ
between equal runs: no share of the work, device, version or date.

The seal of a result is a digest of its name, its settings, its code, its contents and the seals of its inputs: a Merkle
tree, so that no result can stand in the place of another, nor be of other inputs than those that are there.
Source: R. C. Merkle, "A digital signature based on a conventional encryption function", CRYPTO 1987.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.sections import experiment_settings
from friendlyfire.records.errors import ProvenanceError

#: Keys that say how work is shared out, which no result depends on.
SHARES = ("shards",)


def settings_of(params: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """The settings that a job reads itself, from its params: the seed, and sections of an experiment or a data set.

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
    """What the configuration says of one of these keys now; None where it says nothing."""
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
        # No options of an attack of Foolbox are options too.
        value = value.get(part, {} if path[:2] == ["perturbations", "foolbox"] else None)
        if value is None:
            return None
    return json.loads(json.dumps(value))


def unite(inputs: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all inputs of a job were made with.

    Args:
        inputs: settings, and contents, by the path of the input.
        config: the configuration now.

    Raises:
        ProvenanceError: an input was made with other settings than the configuration has now, or two come from
            different networks or images; with both values, and the command that makes them again.
    """
    united: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for path, settings in inputs.items():
        for key, value in settings.items():
            now = value if _is_file(key) else configured(config, key)
            if now != value:
                raise ProvenanceError(
                    f"{path} was made with {key} = {value!r}, and the configuration says {now!r}; "
                    f"make it again with: snakemake --cores all --force {path}"
                )
            if united.setdefault(key, value) != value:
                raise ProvenanceError(
                    f"{origin[key]} and {path} come from different {key} ({united[key]} and {value}); "
                    f"make them again with: snakemake --cores all --force {origin[key]} {path}"
                )
            origin.setdefault(key, path)
    return united


def digest(settings: Mapping[str, Any]) -> str:
    """A letter and eleven hex digits that stand for these settings (SHA-256 of their JSON); no number, as 4e56 is."""
    return "s" + hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:11]


#: What the seal of a result stands for.
SEALED = ("result", "settings", "code", "contents", "inputs")


def seal(record: Mapping[str, Any]) -> str:
    """Sixteen hex digits that stand for what a result is and what it was made from, by the entries :data:`SEALED`."""
    return hashlib.sha256(json.dumps([record[key] for key in SEALED], sort_keys=True).encode()).hexdigest()[:16]


def identity_of(record: Mapping[str, Any]) -> str:
    """What a training is the same training by: its settings, its code, the user's own included, and its images.

    Args:
        record: with ``settings`` and ``code``.
    """
    about_the_end = ("expected_accuracy", "accuracy_tolerance")
    settings = {k: v for k, v in record["settings"].items() if k.rpartition(".")[2] not in about_the_end}
    return json.dumps([settings, record["code"]], sort_keys=True)


def is_result(path: str) -> bool:
    """Whether a file is a result, of which a note says what made it."""
    return path.startswith("results/") and not path.startswith(("results/logs/", "results/provenance/"))


def note_of(path: str) -> Path:
    """Where it is noted what made a result."""
    return Path("results/provenance", f"{Path(path).relative_to('results')}.json")


def _is_file(key: str) -> bool:
    return "/" in key
