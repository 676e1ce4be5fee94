"""Programs and libraries that tests call, whose requirements clash with ours: on CI each is installed by itself."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

#: The package of each program.
PACKAGES = {
    "cffconvert": "cffconvert==2.0.0",
    "rocrate-validator": "roc-validator==0.13.0",
    "snakedeploy": "snakedeploy==0.17.1",
}

#: The package of each library, and a package that it imports for what no test uses.
LIBRARIES = {"adv_lib": ("adv-lib==0.2.8", "visdom"), "attackbench": ("attackbenchlib==2.0.2", "wandb")}


def program(name: str) -> Path:
    """Return the path of a program; skip the test without it, and say how to install it."""
    if found := shutil.which(name):
        return Path(found).resolve()  # not the link that pipx made to it
    folder = Path(sys.prefix) / "programs" / name
    if not (folder / "bin" / name).exists():
        if "CI" not in os.environ:
            pytest.skip(f"needs {name}: pipx install {PACKAGES[name]}")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [folder / "bin/python", "-m", "pip", "install", "--quiet", PACKAGES[name]]
        subprocess.run(install, check=True)
    return folder / "bin" / name


def library(name: str) -> None:
    """Make a library importable, without its requirements; skip the test without it, and say how to install it."""
    package, unused = LIBRARIES[name]
    folder = Path(sys.prefix) / "programs" / name
    if importlib.util.find_spec(name) is None and not folder.exists():
        if "CI" not in os.environ:
            pytest.skip(f"needs {name}: pip install --no-deps {package}")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, package]
        subprocess.run(install, check=True)
    if folder.exists() and str(folder) not in sys.path:
        sys.path.append(str(folder))
    if unused not in sys.modules and importlib.util.find_spec(unused) is None:
        sys.modules.setdefault(unused, MagicMock())
