"""Provenance notes: gathered before a job, written with its results, checked when a result is read.

Each result has a note at the same path below ``results/provenance``. The note's seal covers the name of the result, its
contents, and the seals of its inputs. A reader follows the seals back to the images. This proves that every result on
the way is unchanged, has its own name, and was made from the inputs that are there.
"""

import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.provenance import digest, is_result, note_of, seal, settings_of, unite
from engine.sections import threads_of
from friendlyfire.records.errors import ProvenanceError
from friendlyfire.records.files import sha256, whole
from friendlyfire.records.stores import contents, package_versions

#: Start of the job on the monotonic clock.
BEGAN = time.monotonic()


def provenance(snakemake: Any) -> dict[str, Any]:
    """Return the provenance of a job's results: settings, inputs, code, versions. The inputs are checked as well."""
    inputs = sorted(filter(is_result, snakemake.input))
    behind = results_behind(inputs)
    own = set(inputs) - set(snakemake.input.get("weights", []))  # weights carry no settings into what imports them
    settings = unite({path: settings_behind(path, behind[path]) for path in sorted(own)}, snakemake.config)
    wildcards = snakemake.wildcards
    experiment = wildcards.get("experiment")
    scope = experiment or f"datasets.{wildcards.get('dataset')}"
    if experiment:
        settings[f"{experiment}.dataset"] = snakemake.config["experiments"][experiment]["dataset"]
    for section in sections(snakemake):
        settings.update(settings_of(section, scope))
    return {
        "digest": digest(settings),
        "settings": dict(sorted(settings.items())),
        "seed": snakemake.config["seed"],
        "rule": snakemake.rule,
        "inputs": {path: behind[path]["seal"] for path in inputs},
        "outputs": sorted(filter(is_result, snakemake.output)),
        "code": snakemake.params.code,
        "commit": commit(),
        "python": platform.python_version(),
        "threads": threads_of(snakemake.config, experiment),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def sections(snakemake: Any) -> list[dict]:
    """Return the params of a job that are settings; digests of code or of folders are not."""
    return [section for section in snakemake.params if not isinstance(section, str)]


def made(settings: dict) -> dict[str, Any]:
    """Return the entries that every store records of its job; its note has the rest."""
    return {"seed": settings["provenance"]["seed"], "provenance": settings["provenance"]["digest"]}


def machine() -> dict[str, Any]:
    """Return the device of the job, its time and memory so far, and the installed packages."""
    devices = sys.modules.get("friendlyfire.devices")  # figures do without torch
    device = devices.device_in_use() if devices else "CPU"
    device = f"CPU, {processor()}" if device == "CPU" else device
    taken = resource.getrusage(resource.RUSAGE_SELF)
    peak = taken.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # in bytes there, elsewhere in KiB
    return {
        "device": device,
        "seconds": round(time.monotonic() - BEGAN, 2),
        "cpu_seconds": round(taken.ru_utime + taken.ru_stime, 2),
        "peak_gib": round(peak / 2**30, 3),
        "packages": package_versions(),
    }


def processor() -> str:
    """Return the name of the CPU."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())


def commit() -> str | None:
    """Return the commit that is checked out, with "-dirty" if files differ from it; None without Git."""
    command = ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
    except OSError:
        return None


def write_note(path: str, record: dict) -> None:
    """Write and seal the provenance note of a result."""
    record = {**record, "result": path, "contents": contents_of(path)}
    record["seal"] = seal(record)
    with whole(note_of(path)) as note:
        note.write_text(json.dumps({**record, "check": digest(record)}, indent=1) + "\n", encoding="utf-8")


def contents_of(path: str) -> str:
    """Return the digest of a result's contents, in 64 hex digits: :func:`.contents` for a store, else SHA-256."""
    if path.endswith(".zarr.zip"):
        return contents(path)
    return sha256(path)


def read_note(path: str) -> dict[str, Any]:
    """Load the provenance note of a result.

    Raises:
        ProvenanceError: there is no note, it has changed since it was written, or it belongs to another result.
    """
    note, way_out = note_of(path), f"recreate it with: snakemake --cores all --force {path}"
    try:
        record = json.loads(note.read_text(encoding="utf-8"))
        if record.pop("check") != digest(record):
            raise ValueError("it is not what was written")
        name = record["result"]
    except FileNotFoundError:
        raise ProvenanceError(f"{path} has no provenance note, {note} is missing; {way_out}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProvenanceError(f"{note}, the provenance note of {path}, cannot be read ({error}); {way_out}") from error
    if name != path:
        raise ProvenanceError(f"{path} was written as {name} and was renamed or copied; {way_out}")
    return record


def provenance_of(path: str) -> dict[str, Any]:
    """Load the provenance of a result, and check that its contents are those that were written.

    Raises:
        ProvenanceError: see :func:`read_note`; or the file is missing, or has changed since it was written.
        StoreError: the store is damaged.
    """
    record, way_out = read_note(path), f"recreate it with: snakemake --cores all --force {path}"
    try:
        found = contents_of(path)
    except OSError as error:
        raise ProvenanceError(f"{path} cannot be read ({error.strerror}); {way_out}") from error
    if found != record["contents"]:
        raise ProvenanceError(f"{path} is not as it was written: it was edited, damaged or replaced; {way_out}")
    return record


def results_behind(paths: Iterable[str], beside: bool = False) -> dict[str, dict[str, Any]]:
    """Load the provenance of these results and of everything behind them, by path, and check each file.

    Missing inputs are allowed: temporary shards may already be deleted.

    Args:
        paths: of the results.
        beside: whether to check the other outputs of the same jobs too.

    Raises:
        ProvenanceError: a result has changed since it was written, or one of its inputs has been replaced since.
        StoreError: a store is damaged.
    """
    waiting: list[tuple[str, str | None]] = [(path, None) for path in paths]
    found: dict[str, dict[str, Any]] = {}
    while waiting:
        path, reader = waiting.pop()
        if path not in found:
            if reader and not Path(path).exists():
                continue
            found[path] = provenance_of(path)
            waiting += [(source, path) for source in found[path]["inputs"]]
            if beside:
                waiting += [(other, None) for other in found[path]["outputs"] if Path(other).exists()]
        if reader and found[path]["seal"] != found[reader]["inputs"][path]:
            raise ProvenanceError(
                f"{reader} was made from another version of {path}; "
                f"recreate it with: snakemake --cores all --force {reader}"
            )
    return dict(sorted(found.items()))


def settings_behind(path: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a result, and its contents if it is a network or a data set."""
    sources = path.endswith(".safetensors") or (path.startswith("results/datasets/") and path.endswith(".zarr.zip"))
    return {**record["settings"], **({path: record["contents"][:16]} if sources else {})}
