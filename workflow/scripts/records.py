"""What made each result: gathered before a job, written with its results, checked where they are read."""

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from friendlyfire.errors import ProvenanceError
from friendlyfire.provenance import digest, settings_of, unite
from friendlyfire.stores import open_store, package_versions


def provenance(snakemake: Any) -> dict[str, Any]:
    """What makes the results of a job: settings, code, machine. Its inputs are checked on the way."""
    inputs = sorted(set(filter(is_result, snakemake.input)) - set(snakemake.input.get("weights", [])))
    settings = unite({path: settings_behind(path) for path in inputs}, snakemake.config)
    wildcards = snakemake.wildcards
    scope = wildcards.get("experiment") or f"datasets.{wildcards.get('dataset')}"
    for section in snakemake.params:
        settings.update(settings_of(section, scope))
    return {
        "digest": digest(settings),
        "settings": dict(sorted(settings.items())),
        "seed": snakemake.config["seed"],
        "rule": snakemake.rule,
        "inputs": inputs,
        "code": code_digest([*snakemake.input.get("code", []), *snakemake.input.get("own", [])]),
        "commit": commit(),
        "python": platform.python_version(),
        "threads": snakemake.config["threads"],
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def made(settings: dict) -> dict[str, Any]:
    """What every result records of the job that made it."""
    devices = sys.modules.get("friendlyfire.devices")  # figures do without torch
    device = devices.device_in_use() if devices else "CPU"
    device = f"CPU, {processor()}" if device == "CPU" else device
    return {
        "seed": settings["provenance"]["seed"],
        "provenance": {**settings["provenance"], "device": device, "packages": package_versions()},
    }


def processor() -> str:
    """Name of the CPU."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())


def code_digest(paths: Sequence[str]) -> str:
    """Twelve hex digits that stand for a job's script and all modules that it imports, the user's own included."""
    total = hashlib.sha256()
    for path in paths:
        total.update(Path(path).read_bytes())
    return total.hexdigest()[:12]


def commit() -> str | None:
    """The commit that is checked out, "-dirty" if files differ from it; None where there is no Git."""
    command = ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
    except OSError:
        return None


def write_provenance(path: str, record: dict) -> None:
    """Note what made a table or a network, and its checksum."""
    note = note_of(path)
    note.parent.mkdir(parents=True, exist_ok=True)
    partial = note.with_name(f"{note.name}.partial")
    record = {**record, "sha256": sha256(path)}
    partial.write_text(json.dumps({**record, "check": digest(record)}, indent=1) + "\n", encoding="utf-8")
    partial.replace(note)


def provenance_of(path: str) -> dict:
    """What made a result: a store says so itself, of a table or a network it was noted.

    Raises:
        ProvenanceError: the file is not what was written, or nobody knows what made it.
        StoreError: the store is missing or damaged.
    """
    way_out = f"make it again with: snakemake --cores all --force {path}"
    if path.endswith(".zarr.zip"):
        with open_store(path, None) as store:
            found = store.record.get("provenance")
    else:
        note, found = note_of(path), None
        try:
            if note.exists():
                found = json.loads(note.read_text(encoding="utf-8"))
                if found.pop("check") != digest(found):
                    raise ValueError("it is not what was written")
                if sha256(path) != found["sha256"]:
                    raise ProvenanceError(f"{path} is not what was written, it was edited or damaged; {way_out}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProvenanceError(
                f"{note}, which tells what made {path}, cannot be read ({error}); {way_out}"
            ) from error
    if found is None:
        raise ProvenanceError(f"{path} does not tell what made it; {way_out}")
    return found


def results_behind(paths: Iterable[str]) -> dict[str, dict]:
    """What made these results and all on the way to them, by path; shares of a result are gone when it is there."""
    waiting, found = list(paths), {}
    while waiting:
        path = waiting.pop()
        if path not in found and Path(path).exists():
            found[path] = provenance_of(path)
            waiting += found[path]["inputs"]
    return dict(sorted(found.items()))


def settings_behind(path: str) -> dict:
    """The settings that a result was made with, and what stands for its contents if all else is made from it."""
    record = provenance_of(path)
    if path.endswith(".safetensors"):
        return {**record["settings"], path: record["sha256"][:16]}
    if path.startswith("results/datasets/"):
        with open_store(path, "dataset") as store:
            return {**record["settings"], path: store.contents()}
    return record["settings"]


def is_result(path: str) -> bool:
    """Whether a file is a result whose making is known."""
    return path.startswith("results/") and path.endswith((".csv", ".zarr.zip", ".safetensors"))


def note_of(path: str) -> Path:
    """Where it is noted what made a table or a network."""
    return Path("results/provenance", f"{Path(path).relative_to('results')}.json")


def sha256(path: str) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
