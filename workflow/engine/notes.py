"""What made each result: gathered before a job, noted with its results, checked where they are read.

Beside the results lies a note of each, at the same path below ``results/provenance``. Its seal stands for the name of
the result, its contents, and the seals of all that it was made from: who reads a result follows the seals back to the
images, and so learns that all of them are what was written, where it was written, and of one another.
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

#: When the job began, on the clock that only counts.
BEGAN = time.monotonic()


def provenance(snakemake: Any) -> dict[str, Any]:
    """What makes the results of a job: settings, inputs, code, machine. Its inputs are checked on the way."""
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
    """The params of a job that are settings; a digest of code or of folders is none."""
    return [section for section in snakemake.params if not isinstance(section, str)]


def made(settings: dict) -> dict[str, Any]:
    """What every store records of the job that made it; its note says more."""
    return {"seed": settings["provenance"]["seed"], "provenance": settings["provenance"]["digest"]}


def machine() -> dict[str, Any]:
    """The device that the job computed on, what it took there until now, and the packages installed there."""
    devices = sys.modules.get("friendlyfire.devices")  # figures do without torch
    device = devices.device_in_use() if devices else "CPU"
    device = f"CPU, {processor()}" if device == "CPU" else device
    taken = resource.getrusage(resource.RUSAGE_SELF)
    peak = taken.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # told in bytes there, elsewhere in KiB
    return {
        "device": device,
        "seconds": round(time.monotonic() - BEGAN, 2),
        "cpu_seconds": round(taken.ru_utime + taken.ru_stime, 2),
        "peak_gib": round(peak / 2**30, 3),
        "packages": package_versions(),
    }


def processor() -> str:
    """Name of the CPU."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())


def commit() -> str | None:
    """The commit that is checked out, "-dirty" if files differ from it; None where there is no Git."""
    command = ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
    except OSError:
        return None


def write_note(path: str, record: dict) -> None:
    """Note what made a result, and seal it."""
    record = {**record, "result": path, "contents": contents_of(path)}
    record["seal"] = seal(record)
    with whole(note_of(path)) as note:
        note.write_text(json.dumps({**record, "check": digest(record)}, indent=1) + "\n", encoding="utf-8")


def contents_of(path: str) -> str:
    """What a result holds, in 64 hex digits; of a store as :func:`.contents`, else SHA-256."""
    if path.endswith(".zarr.zip"):
        return contents(path)
    return sha256(path)


def read_note(path: str) -> dict[str, Any]:
    """What made a result, as its note has it.

    Raises:
        ProvenanceError: there is no note, or it is not what was written, or it is of another result.
    """
    note, way_out = note_of(path), f"make it again with: snakemake --cores all --force {path}"
    try:
        record = json.loads(note.read_text(encoding="utf-8"))
        if record.pop("check") != digest(record):
            raise ValueError("it is not what was written")
        name = record["result"]
    except FileNotFoundError:
        raise ProvenanceError(f"{path} does not tell what made it, {note} is missing; {way_out}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProvenanceError(f"{note}, which tells what made {path}, cannot be read ({error}); {way_out}") from error
    if name != path:
        raise ProvenanceError(f"{path} was written as {name}, and is not what its name says; {way_out}")
    return record


def provenance_of(path: str) -> dict[str, Any]:
    """What made a result that is there, whose contents are those that were written.

    Raises:
        ProvenanceError: see :func:`read_note`; or the file is missing, or is not what was written.
        StoreError: the store is damaged.
    """
    record, way_out = read_note(path), f"make it again with: snakemake --cores all --force {path}"
    try:
        found = contents_of(path)
    except OSError as error:
        raise ProvenanceError(f"{path} cannot be read ({error.strerror}); {way_out}") from error
    if found != record["contents"]:
        raise ProvenanceError(f"{path} is not what was written, it was edited, damaged or exchanged; {way_out}")
    return record


def results_behind(paths: Iterable[str], beside: bool = False) -> dict[str, dict[str, Any]]:
    """What made these results and all that they were made from, by path, each compared with what is there.

    What is gone, such as shares of a result that is there, is not missed.

    Args:
        paths: of the results.
        beside: whether what the same jobs made beside them is compared too.

    Raises:
        ProvenanceError: a result is not what was written, or one that it was made from is another one by now.
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
                f"{reader} was made from another {path} than the one that is there; "
                f"make it again with: snakemake --cores all --force {reader}"
            )
    return dict(sorted(found.items()))


def settings_behind(path: str, record: dict[str, Any]) -> dict[str, Any]:
    """The settings that a result was made with, and its contents if all else is made from it."""
    sources = path.endswith(".safetensors") or (path.startswith("results/datasets/") and path.endswith(".zarr.zip"))
    return {**record["settings"], **({path: record["contents"][:16]} if sources else {})}
