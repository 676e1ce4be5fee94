"""The workflow used from an empty folder: in another directory, as a module, from a repository, by snakedeploy."""

import copy
import json
import re
import subprocess

import pytest
import yaml

from configurations import SCHEMA
from conftest import REPOSITORY, Workflow
from debian import need
from engine.schema import with_defaults
from engine.settings import check_config
from programs import program

ADDRESS = "https://github.com/owner/friendly-fire"
PAGE = (REPOSITORY / "docs/how-to/use-as-module.md").read_text(encoding="utf-8")

#: The Snakefile that the page shows, and the module in it that is read from a repository.
(SHOWN,) = re.findall(r"Save this as `Snakefile`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
(FROM_REPOSITORY,) = re.findall(r"```python\n(module friendly_fire:[^`]*github[^`]*)```", PAGE)


@pytest.fixture
def elsewhere(tmp_path):
    """A copy of the workflow, and what runs it from an empty folder."""
    workflow = Workflow(tmp_path / "source")
    outside = copy.copy(workflow)
    outside.folder = tmp_path / "outside"
    outside.folder.mkdir()
    return workflow, outside


def hosted(workflow, monkeypatch):
    """Make a repository of a copy of the workflow, take GitHub's for it, and return its commit."""
    need(["git"], ["git"])
    git = ["git", "-C", workflow.folder, "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "--initial-branch=main"], ["add", "."], ["commit", "--allow-empty", "--message=copy"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    for name, value in {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{workflow.folder}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        "XDG_CACHE_HOME": str(workflow.folder.with_name("cache")),
    }.items():
        monkeypatch.setenv(name, value)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def in_another_directory(workflow, folder, monkeypatch):
    return ["--snakefile", str(workflow.folder / "Snakefile"), "--directory", str(folder)]


def as_a_module(workflow, folder, monkeypatch):
    (folder / "config.yaml").write_text("suite: demo\n")
    (folder / "Snakefile").write_text(SHOWN.replace("path/to/friendly-fire", str(workflow.folder)))
    return []


def from_a_repository(workflow, folder, monkeypatch):
    commit = hosted(workflow, monkeypatch)
    module = FROM_REPOSITORY.replace('commit="..."', f'commit="{commit}"')
    (folder / "Snakefile").write_text(f"{module}\nuse rule * from friendly_fire\n")
    return []


def by_snakedeploy(workflow, folder, monkeypatch):
    deploy = [program("snakedeploy"), "deploy-workflow", ADDRESS, folder, "--branch", "main"]
    hosted(workflow, monkeypatch)
    subprocess.run(deploy, check=True, capture_output=True)
    return []


@pytest.mark.parametrize("way", [in_another_directory, as_a_module, from_a_repository, by_snakedeploy])
def test_a_run_from_an_empty_folder_gives_the_same_tables(demo, elsewhere, monkeypatch, way):
    workflow, outside = elsewhere
    table = "results/digits-lenet/accuracy/random.csv"
    outside.run(table, *way(workflow, outside.folder, monkeypatch))
    assert (outside.folder / table).read_bytes() == (demo.folder / table).read_bytes()
    assert not (workflow.folder / "results").exists()
    # The handlers of the page's module are those of the workflow.
    assert (outside.folder / "results/digits-lenet/training.checkpoint").exists() == (
        way in (from_a_repository, by_snakedeploy)
    )


def test_results_record_the_commit_of_the_repository_and_not_that_of_the_folder(elsewhere, monkeypatch):
    workflow, outside = elsewhere
    hosted(outside, monkeypatch)
    commit = hosted(workflow, monkeypatch)
    (outside.folder / "Snakefile").write_text(
        f"{FROM_REPOSITORY.replace('...', commit)}\nuse rule * from friendly_fire as ff_*\n"
    )
    outside.run("results/datasets/digits.source.json")
    note = json.loads((outside.folder / "results/provenance/datasets/digits.source.json.json").read_text())
    assert (note["commit"], note["rule"]) == (commit[:12], "ff_fetch_dataset")


def test_a_module_with_a_prefix_is_refused_in_a_line(elsewhere, monkeypatch):
    workflow, outside = elsewhere
    as_a_module(workflow, outside.folder, monkeypatch)
    snakefile = outside.folder / "Snakefile"
    snakefile.write_text(snakefile.read_text().replace("    config:", '    prefix:\n        "mine"\n    config:'))
    assert "module: prefix and replace_prefix cannot be used" in outside.run("--dry-run", fails=True)


def test_the_folder_of_rules_has_the_same_targets(elsewhere):
    workflow, outside = elsewhere
    there = ["--dry-run", "--directory", str(outside.folder), "--snakefile"]
    whole, door = (
        workflow.run(*there, str(workflow.folder / name)).partition("Job stats:")[2].partition("\n\n")[0].splitlines()
        for name in ("Snakefile", "workflow/Snakefile")
    )
    assert [line.split() for line in whole[3:] if "all " not in line] == [
        line.split() for line in door[3:] if not line.startswith(("all ", "default "))
    ]


def test_the_configuration_to_start_from_and_its_example_are_valid():
    shipped = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    (example,) = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "config/README.md").read_text(), re.DOTALL)
    for text in (example, (REPOSITORY / "config/config.yaml").read_text(encoding="utf-8")):
        check_config(with_defaults(yaml.safe_load(text), shipped), SCHEMA)


def test_the_catalog_finds_what_it_looks_for():
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["software-stack-deployment"]["conda"] is True
    assert (REPOSITORY / "workflow/Snakefile").exists()
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
