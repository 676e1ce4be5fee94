"""The citation is valid, and states the version of the package."""

import subprocess
import tomllib

import yaml

from conftest import REPOSITORY
from programs import program

CITATION = REPOSITORY / "CITATION.cff"


def test_the_citation_states_the_version_and_licence_of_the_package():
    citation = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {key: str(citation[key]) for key in ("version", "license")} == {
        key: project[key] for key in ("version", "license")
    }


def test_the_citation_is_valid(tmp_path):
    validate = [program("cffconvert"), "--validate", "--infile"]
    done = subprocess.run([*validate, CITATION], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    damaged = tmp_path / "CITATION.cff"
    damaged.write_text(CITATION.read_text(encoding="utf-8").replace("type: software", "type: workflow"))
    assert subprocess.run([*validate, damaged], capture_output=True).returncode != 0
