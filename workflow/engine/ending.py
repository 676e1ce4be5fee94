"""What a run does before its first job, and says after its last."""

import os
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

from friendlyfire.records.errors import FAULTS

#: When this run began.
BEGAN = time.time()


def check_writable(folder):
    """Tell, before any job starts, that results, or a folder of them, cannot be written."""
    for place, _, _ in os.walk(folder):
        if not os.access(place, os.W_OK):
            raise WorkflowError(f"{place} cannot be written; it is on a read-only disk, or another user's")


def forget_faults():
    """Those of a run before this one."""
    FAULTS.unlink(missing_ok=True)


def faults():
    """Why the jobs of this run failed, a line each, each once."""
    if not FAULTS.exists():
        return []
    return dict.fromkeys(FAULTS.read_text(encoding="utf-8").splitlines())


def forget_checkpoints():
    """Those of trainings that are over; one that ends in a run that is interrupted needs its own to count."""
    for path in Path("results").glob("*/training.checkpoint"):
        if path.with_name("network.safetensors").exists():
            path.unlink()


def where_to_look():
    """What to open first of the figures that this run made, if it made any."""
    order = ["fig4", "fig3", "fig1"]
    made = [path for path in Path("results/figures").glob("*.png") if path.stat().st_mtime >= BEGAN]
    made.sort(key=lambda path: (order.index(path.stem) if path.stem in order else len(order), path.stem))
    return [f"Figures are in results/figures, tables in results/tables; open {made[0]} first."] if made else []


def how_to_go_on():
    """Why the jobs of this run failed, if any did, and what to do now."""
    told = faults()
    mend = "Mend what is told above, then the same command goes on." if told else "Go on with the same command."
    return [*told, f"What is finished stays, of a training its epochs too. {mend}"]


def tell(lines):
    """The last lines of a run, below all that Snakemake says."""
    print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr, flush=True)
