"""A run as an RO-Crate: the provenance notes of its results, in the words of schema.org.

A rule is a tool and a step, a job is an action, a result is a file of the crate or a work that the crate describes.
Profile: Provenance Run Crate 0.5, https://w3id.org/ro/wfrun/provenance/0.5, which extends RO-Crate 1.1.
"""

import json
import mimetypes
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

Entity = dict[str, Any]
Note = Mapping[str, Any]

#: The files and folders of the project that a crate holds. The first is the main workflow.
PROJECT = {
    "Snakefile": "main workflow",
    "config.yaml": "experiments and suites that come with the workflow",
    "workflow/": "rules, scripts and library",
    "envs/": "versions of the packages",
    "profiles/": "options of Snakemake on one machine",
    "slurm/": "options of Snakemake on a cluster",
    "README.md": "what the workflow is for",
    "CITATION.cff": "how to cite the software and the paper",
    "LICENSE": "licence of the software",
}

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]

#: The profiles that a crate conforms to.
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}

COMPLETED = "http://schema.org/CompletedActionStatus"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
SNAKEMAKE = "https://snakemake.github.io"
PAPER = "https://arxiv.org/abs/1807.04200"

#: What a job took: name and unit, by the entry of its note.
RESOURCES = {
    "seconds": ("wall time", "https://qudt.org/vocab/unit/SEC"),
    "cpu_seconds": ("processor time", "https://qudt.org/vocab/unit/SEC"),
    "peak_gib": ("largest memory", "https://qudt.org/vocab/unit/GibiBYTE"),
}

#: Media types that Python does not know, or not everywhere.
ENCODINGS = {
    **{".md": "text/markdown", ".rst": "text/x-rst", ".csv": "text/csv", ".zip": "application/zip"},
    **{"": "text/plain", ".cff": "application/yaml", ".yaml": "application/yaml"},
}


def is_enclosed(path: str) -> bool:
    """Whether a crate holds a result: not if it is a network or arrays, unless a figure is drawn from them."""
    return path.startswith("results/figures/") or not path.endswith((".zarr.zip", ".safetensors"))


def crate_of(notes: Mapping[str, Note], sizes: Mapping[str, int], title: str, commit: str | None) -> Entity:
    """Return the metadata of a crate, the contents of its ro-crate-metadata.json.

    Args:
        notes: provenance notes of the results, by path.
        sizes: bytes of the results, by path.
        title: names what ran.
        commit: the commit of the project that the crate holds, if it is known.
    """
    # A job by its first output, in the order of their starts.
    jobs = {note["outputs"][0]: note for note in notes.values()}
    jobs = dict(sorted(jobs.items(), key=lambda item: (item[1]["began"], item[0])))
    named = {path for note in jobs.values() for path in [*note["inputs"], *note["outputs"]]}
    results = {path: result(path, notes.get(path), sizes.get(path)) for path in sorted(named)}
    enclosed = [entity for entity in results.values() if entity["@type"] == "File"]
    software = packages({pair for note in jobs.values() for pair in note["packages"].items()})
    commits: dict[str, set[str]] = {}
    for note in jobs.values():
        commits.setdefault(note["rule"], set()).update(filter(None, [note["commit"]]))
    steps = rules(commits)
    given = parameters({key: value for note in jobs.values() for key, value in note["settings"].items()})
    actions = [entity for path, note in jobs.items() for entity in job(path, note, results)]
    runs = whole_run(title, jobs, given, enclosed, actions)
    files = project(software, steps, commit)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Friendly Fire: {title}",
        "description": "Figures, tables and pages of a run, the workflow that made them, and a record of every job "
        "behind them. Networks and arrays are recorded with a digest of their contents, but are not in the crate.",
        "datePublished": runs[0]["endTime"][:10],
        "license": {"@id": "LICENSE"},
        "citation": {"@id": PAPER},
        "conformsTo": [{"@id": profile} for profile in PROFILES],
        "mainEntity": {"@id": "Snakefile"},
        "hasPart": refer([*files, *enclosed]),
        "mentions": refer([*runs, *actions], "CreateAction", "OrganizeAction"),
    }
    graph = [*frame(), root, *files, *runs, *actions, *steps, *software, *given, *results.values()]
    return {"@context": CONTEXT, "@graph": [compact(entity) for entity in graph]}


def compact(entity: Entity) -> Entity:
    """Return an entity without lists of one or no entry, as RO-Crate has it."""
    single = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in entity.items()}
    return {key: value for key, value in single.items() if value != []}


def encoding(path: str) -> str:
    """Return the media type of a file."""
    return ENCODINGS.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def refer(entities: Iterable[Entity], *kinds: str) -> list[Entity]:
    """Return references to entities, or to those of some kinds."""
    return [{"@id": entity["@id"]} for entity in entities if not kinds or entity["@type"] in kinds]


def frame() -> list[Entity]:
    """Return what is the same in every crate: the descriptor, the profiles, the language, the paper."""
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": list(PROFILES)[-1]}],
    }
    profiles = [
        {"@id": profile, "@type": "CreativeWork", "name": name, "version": profile.rpartition("/")[2]}
        for profile, name in PROFILES.items()
    ]
    language = {"@id": LANGUAGE, "@type": "ComputerLanguage", "name": "Snakemake", "url": SNAKEMAKE}
    engine = {"@id": SNAKEMAKE, "@type": "SoftwareApplication", "name": "Snakemake", "url": SNAKEMAKE}
    paper = {
        "@id": PAPER,
        "@type": "ScholarlyArticle",
        "name": "With Friends Like These, Who Needs Adversaries?",
        "description": "S. Jetley, N. A. Lord, P. H. S. Torr, NeurIPS 2018",
    }
    return [descriptor, *profiles, language, engine, paper]


def project(software: list[Entity], steps: list[Entity], commit: str | None) -> list[Entity]:
    """Return the files and folders of the project; the first is the workflow with its steps and requirements."""
    files: list[Entity] = [
        {"@id": path, "name": path, "description": about}
        | ({"@type": "Dataset"} if path.endswith("/") else {"@type": "File", "encodingFormat": encoding(path)})
        | ({"about": {"@id": "./"}} if path == "README.md" else {})
        for path, about in PROJECT.items()
    ]
    files[0] |= {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "Friendly Fire",
        "license": {"@id": "LICENSE"},
        "programmingLanguage": {"@id": LANGUAGE},
        "softwareRequirements": refer(software),
        "hasPart": refer(steps, "SoftwareApplication"),
        "step": refer(steps, "HowToStep"),
        **({"version": commit} if commit else {}),
    }
    return files


def rules(commits: Mapping[str, set[str]]) -> list[Entity]:
    """Return each rule, as a tool and as a step; its version are the commits that its jobs ran at."""
    tools = [
        {"@id": f"#rule/{name}", "@type": "SoftwareApplication", "name": name, "version": sorted(found)}
        for name, found in commits.items()
    ]
    steps = [
        {
            "@id": f"#step/{tool['name']}",
            "@type": "HowToStep",
            "name": tool["name"],
            "workExample": {"@id": tool["@id"]},
        }
        for tool in tools
    ]
    return [*tools, *steps]


def packages(versions: Iterable[tuple[str, str]]) -> list[Entity]:
    """Return each installed package, in each version that a job used, by its package URL."""
    return [
        {
            "@id": f"pkg:pypi/{name}@{number.partition('+')[0]}",
            "@type": "SoftwareApplication",
            "name": name,
            "version": number,
        }
        for name, number in sorted(versions)
    ]


def parameters(settings: Mapping[str, Any]) -> list[Entity]:
    """Return each setting; entries that are digests of files are left out."""
    return [
        {
            "@id": f"#setting/{quote(key)}",
            "@type": "PropertyValue",
            "name": key,
            "value": value if isinstance(value, str | bool | int | float) else json.dumps(value),
        }
        for key, value in sorted(settings.items())
        if "/" not in key
    ]


def whole_run(
    title: str,
    jobs: Mapping[str, Note],
    given: list[Entity],
    enclosed: list[Entity],
    actions: list[Entity],
) -> list[Entity]:
    """Return the run of the workflow, from its settings to the results in the crate, and that of Snakemake."""
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of Friendly Fire: {title}",
        "description": f"{len(jobs)} jobs; they may belong to several calls of Snakemake",
        "instrument": {"@id": "Snakefile"},
        "object": refer(given),
        "result": refer(enclosed),
        "startTime": min(note["began"] for note in jobs.values()),
        "endTime": max(map(ended, jobs.values())),
        "actionStatus": COMPLETED,
    }
    engine = {
        "@id": "#engine",
        "@type": "OrganizeAction",
        "name": "Run of Snakemake",
        "instrument": {"@id": SNAKEMAKE},
        "object": refer(actions, "ControlAction"),
        "result": {"@id": "#run"},
    }
    return [run, engine]


def job(path: str, note: Note, results: Mapping[str, Entity]) -> list[Entity]:
    """Return a job, its start by Snakemake, and the time and memory that it took.

    Args:
        path: its first output.
        note: the provenance note of that output.
        results: all results, by path.
    """
    name, rule = quote(path), note["rule"]
    taken = [
        {"@id": f"#{entry}/{name}", "@type": "PropertyValue", "name": label, "propertyID": entry, "unitCode": unit}
        | {"value": note[entry]}
        for entry, (label, unit) in RESOURCES.items()
    ]
    action = {
        "@id": f"#job/{name}",
        "@type": "CreateAction",
        "name": f"{rule}: {path}",
        "description": f"device: {note['device']}; threads: {note['threads']}; digest of the code: {note['code']}",
        "instrument": {"@id": f"#rule/{rule}"},
        "object": refer(results[source] for source in note["inputs"]),
        "result": refer(results[made] for made in note["outputs"]),
        "startTime": note["began"],
        "endTime": ended(note),
        "actionStatus": COMPLETED,
        "resourceUsage": refer(taken),
    }
    start = {
        "@id": f"#start/{name}",
        "@type": "ControlAction",
        "name": f"start of {rule}",
        "instrument": {"@id": f"#step/{rule}"},
        "object": {"@id": action["@id"]},
    }
    return [action, start, *taken]


def ended(note: Note) -> str:
    """Return when a job ended."""
    return (datetime.fromisoformat(note["began"]) + timedelta(seconds=note["seconds"])).isoformat(timespec="seconds")


def result(path: str, note: Note | None, size: int | None) -> Entity:
    """Return a result: a file of the crate, or a work that it describes; one without a note exists no longer."""
    if note is None:
        return {"@id": f"#{quote(path)}", "@type": "CreativeWork", "name": path}
    about = {"name": path, "contentSize": str(size), "encodingFormat": encoding(path), "identifier": note["seal"]}
    if not path.endswith(".zarr.zip"):  # whose contents are digested as arrays, not as bytes
        about["sha256"] = note["contents"]
    if is_enclosed(path):
        return {"@id": quote(path), "@type": "File", **about}
    return {"@id": f"#{quote(path)}", "@type": "CreativeWork", **about}
