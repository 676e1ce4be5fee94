"""Snakemake, forked from a process that has imported it if one listens: python forked.py [arguments of snakemake]."""

import os
import runpy
from pathlib import Path

# Not imported: the workflow that is run has an engine of its own.
warm = runpy.run_path(str(Path(__file__).resolve().parents[1] / "workflow/engine/warm.py"))

if warm["FOLDER"] in os.environ:
    os.environ["LISTENING"] = os.environ[warm["FOLDER"]]
    warm["hand_over"]()
# In the fork, or where none listens yet. Jobs of the run are forked from the same process.
if "LISTENING" in os.environ:
    os.environ[warm["FOLDER"]] = os.environ.pop("LISTENING")

from snakemake.cli import main  # noqa: E402

main()
