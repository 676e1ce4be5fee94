"""Debian packages that tests need: installed on CI, requested elsewhere."""

import os
import shutil
import subprocess

import pytest


def need(commands: list[str], packages: list[str]) -> None:
    """Skip a test without its ``commands``, and say how to install them; on CI, install their packages."""
    if all(shutil.which(command) for command in commands):
        return
    if not (os.environ.get("CI") and os.getuid() == 0 and shutil.which("apt-get")):
        pytest.skip(f"needs {', '.join(commands)}: apt-get install {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *command], check=True, env=environment, stdout=subprocess.DEVNULL)
