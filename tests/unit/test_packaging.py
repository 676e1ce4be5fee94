"""The requirements, the conda files, the package's bounds and its public names agree."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from conftest import REPOSITORY

CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
PINS = dict(
    line.split("==")
    for line in (REPOSITORY / "envs/requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
)


@pytest.mark.parametrize("name", ["torch", "plot"])
def test_conda_files_have_the_pins_of_pip(name):
    lines = yaml.safe_load((REPOSITORY / f"envs/{name}.yaml").read_text())["dependencies"]
    versions = dict(line.split("=") for line in lines)
    python = versions.pop("python")
    assert Version(python) >= Version("3.11")
    assert {CONDA_NAMES.get(package, package): version for package, version in versions.items()}.items() <= PINS.items()


def test_pins_are_within_the_bounds_of_the_package():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(PINS[requirement.name]), requirement
        assert any(spec.operator == ">=" for spec in requirement.specifier), requirement


def test_what_the_library_imports_is_what_it_depends_on():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    names = {"pillow": "PIL", "scikit-learn": "sklearn"}
    allowed = {names.get(n, n) for n in (Requirement(r).name for r in project["dependencies"])}
    optional = {
        names.get(n, n) for n in (Requirement(r).name for e in project["optional-dependencies"].values() for r in e)
    }
    for path in (REPOSITORY / "workflow/friendlyfire").rglob("*.py"):
        for line in path.read_text().splitlines():
            found = re.match(r"(\s*)(?:import|from) (\w+)", line)
            if found and found[2] not in sys.stdlib_module_names | {"friendlyfire"}:
                # A package that is imported inside a function may be an extra.
                assert found[2] in (allowed | optional if found[1] else allowed), (path.name, line)


def test_figures_and_captions_need_no_torch():
    modules = "friendlyfire.figures.captions, friendlyfire.figures.panels, engine.settings"
    check = "engine.settings.check_architecture('', 'torchvision/alexnet')"  # of the suite paper
    code = f"import sys, {modules}; {check}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "workflow", check=True)


@pytest.mark.filterwarnings("ignore:The 'float_precision' argument is deprecated")  # pandas 2 is not exact without it
def test_names_stay_names(tmp_path):
    from friendlyfire.records.tables import read_table, write_table

    names = {"experiment": ["007", "07", "inf"], "class": ["NA", "null", "a"]}
    table = pd.DataFrame({**names, "value": [1.0, float("nan"), 2.0]})
    write_table(tmp_path / "t.csv", table, {"provenance": {"digest": "d"}})
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "t.csv", dtype={"class": str}),
        table.assign(seed=0)[["experiment", "seed", "class", "value"]],
        check_dtype=False,
    )


def test_texts_stay_texts_where_all_are_empty(tmp_path):
    from friendlyfire.records.tables import read_table

    (tmp_path / "t.csv").write_text("experiment,seed,doubt\na,0,\nb,0,\n", encoding="utf-8")
    assert read_table(tmp_path / "t.csv")["doubt"].fillna("").tolist() == ["", ""]


def test_types_of_the_public_surface_are_known():
    if importlib.util.find_spec("basedpyright") is None and "CI" not in os.environ:
        pytest.skip("basedpyright is not installed: pip install -r envs/requirements.txt")
    command = [Path(sys.executable).with_name("basedpyright"), "--verifytypes", "friendlyfire", "--ignoreexternal"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it asks the first Python for torch
    printed = subprocess.run(
        [*command, "--outputjson"],
        cwd=REPOSITORY / "workflow",
        env={**os.environ, "PATH": path, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    ).stdout
    symbols = [symbol for symbol in json.loads(printed)["typeCompleteness"]["symbols"] if symbol["isExported"]]
    assert len(symbols) > 500
    unknown = {symbol["name"] for symbol in symbols if not symbol["isTypeKnown"]}
    # Declarations are data, some of them with empty lists.
    assert {name for name in unknown if not name.rpartition(".")[2].isupper()} == set()
