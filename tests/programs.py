"""Programs that tests call, of packages whose requirements clash with ours: on CI each is installed by itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: The package of each program.
PACKAGES = {
    "cffconvert": "cffconvert==2.0.0",
    "rocrate-validator": "roc-validator==0.13.0",
    "snakedeploy": "snakedeploy==0.17.1",
}


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
