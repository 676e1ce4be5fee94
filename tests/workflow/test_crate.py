"""The crate of a run: a valid Provenance Run Crate, which describes the files that it holds and the jobs that ran."""

import json
import subprocess
import zipfile
from urllib.parse import unquote

import pytest

from conftest import REPOSITORY, copy_of
from friendlyfire.records.crate import CONTEXT, PROJECT, crate_of
from friendlyfire.records.files import sha256
from programs import program

#: The terms of RO-Crate 1.1 that a crate uses, and those of its extension for runs.
SCHEMA = """
ComputerLanguage ControlAction CreateAction CreativeWork Dataset HowTo HowToStep OrganizeAction PropertyValue
ScholarlyArticle SoftwareApplication SoftwareSourceCode about actionStatus citation contentSize datePublished
description encodingFormat endTime hasPart identifier instrument license mainEntity mentions name object
programmingLanguage propertyID result softwareRequirements startTime step unitCode url value version workExample
"""
TERMS = {
    **{term: f"http://schema.org/{term}" for term in SCHEMA.split()},
    "File": "http://schema.org/MediaObject",
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}
RUN_TERMS = {term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in ("resourceUsage", "sha256")}


@pytest.fixture(scope="module")
def run(demo, tmp_path_factory):
    """A copy of the demo with its crate."""
    workflow = copy_of(demo.folder, tmp_path_factory.mktemp("crate") / "run")
    assert workflow.planned("crate") == {"write_crate"}
    workflow.run("crate")
    return workflow


@pytest.fixture(scope="module")
def entities(run):
    graph = json.loads((run.folder / "results/crate/ro-crate-metadata.json").read_text())["@graph"]
    named = {entity["@id"]: entity for entity in graph}
    assert len(named) == len(graph)
    return named


def listed(value):
    """The entries of a property, which may have none, one or several."""
    return value if isinstance(value, list) else [value] if value else []


def kinds(entity):
    return listed(entity["@type"])


def references(value):
    """The names of the entities that a property refers to."""
    return [entry["@id"] for entry in listed(value) if isinstance(entry, dict)]


def test_every_reference_is_to_an_entity_that_is_described(entities):
    known = {*entities, "https://w3id.org/ro/crate/1.1"}
    for entity in entities.values():
        assert {name for key, value in entity.items() if key != "@id" for name in references(value)} <= known
        assert {*entity, *kinds(entity)} <= {"@id", "@type", *TERMS, *RUN_TERMS}


def test_the_archive_holds_the_files_that_are_described_and_no_others(run, entities, tmp_path):
    with zipfile.ZipFile(run.folder / "results/crate.zip") as archive:
        archive.extractall(tmp_path)
    described = {unquote(name) for name, entity in entities.items() if "File" in kinds(entity)}
    parts = {name for name, entity in entities.items() if {"File", "Dataset"} & {*kinds(entity)}}
    assert {*references(entities["./"]["hasPart"]), "./"} == parts
    folders = tuple(name for name in PROJECT if name.endswith("/"))
    held = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in held if not name.startswith(folders)} == described | {"ro-crate-metadata.json"}
    assert {"results/figures/fig4.pdf", "results/cards/digits-lenet.html", "results/provenance.json"} <= described
    assert not any(name.endswith(".safetensors") or "__pycache__" in name for name in held)
    for name, entity in entities.items():
        if "File" in kinds(entity) and "contentSize" in entity:
            assert (tmp_path / unquote(name)).stat().st_size == int(entity["contentSize"])
            if "sha256" in entity:
                assert sha256(tmp_path / unquote(name)) == entity["sha256"]


def test_every_job_is_described_with_what_it_read_and_wrote(run, entities):
    notes = [json.loads(path.read_text()) for path in (run.folder / "results/provenance").rglob("*.json")]
    notes = [note for note in notes if note["rule"] != "write_crate"]
    behind = json.loads((run.folder / "results/provenance.json").read_text())["results"]
    jobs = {note["outputs"][0]: note for note in notes}
    actions = {name: one for name, one in entities.items() if name.startswith("#job/")}
    assert {path for path in jobs if path in behind} <= {unquote(name.removeprefix("#job/")) for name in actions}
    for name, action in actions.items():
        note = jobs[unquote(name.removeprefix("#job/"))]
        read, wrote = ([entities[one]["name"] for one in references(action.get(key))] for key in ("object", "result"))
        assert (sorted(read), sorted(wrote)) == (sorted(note["inputs"]), note["outputs"])
        assert action["instrument"]["@id"] == f"#rule/{note['rule']}"
        assert action["startTime"] == note["began"] <= action["endTime"]
    assert {
        entity["value"] for name, entity in entities.items() if name == "#setting/digits-lenet.networks.epochs"
    } == {30}


def test_a_damaged_result_is_not_published(run):
    table = run.folder / "results/digits-lenet/accuracy/random.csv"
    whole = table.read_bytes()
    try:
        table.write_bytes(whole.replace(b"1", b"2", 1))
        (run.folder / "results/crate.zip").unlink()
        printed = run.run("crate", "--rerun-triggers", "code", fails=True)
    finally:
        table.write_bytes(whole)
    assert f"{table.relative_to(run.folder)} is not as it was written" in printed


def test_a_shard_that_is_gone_is_named(entities):
    note = {
        **{"outputs": ["results/a b/t.csv"], "inputs": {"results/a b/shard.zarr.zip": "1f"}, "rule": "make"},
        **{"packages": {"snakemake": "9.0+x"}, "settings": {"seed": 0, "a.weights": None, "results/x.zarr.zip": "2e"}},
        **{"began": "2026-01-01T00:00:00+00:00", "seconds": 90.2, "cpu_seconds": 1, "peak_gib": 1, "seal": "3d"},
        **{"device": "CPU", "threads": 1, "code": "4c", "contents": "5b", "commit": None},
    }
    graph = crate_of({"results/a b/t.csv": note}, {"results/a b/t.csv": 6}, "a b", None)["@graph"]
    found = {entity["@id"]: entity for entity in graph}
    assert found["#results/a%20b/shard.zarr.zip"] == {
        "@id": "#results/a%20b/shard.zarr.zip",
        "@type": "CreativeWork",
        "name": "results/a b/shard.zarr.zip",
    }
    assert found["#job/results/a%20b/t.csv"]["object"] == {"@id": "#results/a%20b/shard.zarr.zip"}
    assert found["#job/results/a%20b/t.csv"]["endTime"] == "2026-01-01T00:01:30+00:00"
    assert {found[name]["value"] for name in found if name.startswith("#setting/")} == {0, "null"}
    assert "version" not in found["Snakefile"]
    assert "version" not in found["#rule/make"]


def validated(crate, cache, *options):
    """Whether a crate meets what its profile requires, and what the validator printed."""
    command = [program("rocrate-validator"), "--no-interactive", "validate", "--offline", "--cache-path", cache]
    profile = ["--profile-identifier", "provenance-run-crate", "--requirement-severity", "required", "--no-paging"]
    done = subprocess.run([*command, *profile, "--verbose", *options, crate], capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def test_the_crate_is_valid_and_a_workflow_without_its_tools_is_not(run, tmp_path):
    python = program("rocrate-validator").with_name("python")
    documents = dict(zip(CONTEXT, ({"@context": terms} for terms in (TERMS, RUN_TERMS)), strict=True))
    fill = [python, REPOSITORY / "tests/vocabulary.py", tmp_path / "web"]
    subprocess.run(fill, input=json.dumps(documents), text=True, check=True)
    valid, printed = validated(run.folder / "results/crate", tmp_path / "web")
    assert valid, printed
    metadata = json.loads((run.folder / "results/crate/ro-crate-metadata.json").read_text())
    for entity in metadata["@graph"]:
        if entity["@id"] == "Snakefile":
            del entity["hasPart"]
    (tmp_path / "crate").mkdir()
    (tmp_path / "crate/ro-crate-metadata.json").write_text(json.dumps(metadata))
    valid, printed = validated(tmp_path / "crate", tmp_path / "web", "--metadata-only")
    assert not valid
    assert "MUST refer to orchestrated tools" in " ".join(printed.split())
