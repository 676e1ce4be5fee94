"""Checks before the first job of a run, and its last lines."""

import os
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

from engine import request
from friendlyfire.records.errors import FAULTS, FriendlyFireError

#: Start time of this run.
BEGAN = time.time()


def check_writable(folder):
    """Fail early if the results folder, or a folder below it, is not writable."""
    for place, _, _ in os.walk(folder):
        if not os.access(place, os.W_OK):
            raise WorkflowError(f"{place} is not writable; it is on a read-only disk or belongs to another user")


def tell_request(config):
    """Tell what a request will do, or end in one line if its network cannot do it."""
    try:
        tell(request.told(config))
    except FriendlyFireError as error:
        sys.exit(str(error))  # an exception would add lines of Snakemake below it


def forget_faults():
    """Delete the recorded faults of the previous run."""
    FAULTS.unlink(missing_ok=True)


def faults():
    """Return why the jobs of this run failed, one line per fault, without repeats."""
    if not FAULTS.exists():
        return []
    return dict.fromkeys(FAULTS.read_text(encoding="utf-8").splitlines())


def forget_checkpoints():
    """Delete the checkpoints of finished trainings; an interrupted run still needs its own."""
    for path in Path("results").glob("*/training.checkpoint"):
        if path.with_name("network.safetensors").exists():
            path.unlink()


def where_to_look():
    """Return a line that names the page or figure to open first, if this run made any."""
    first = ["fig4", "fig3", "fig1"]
    cards, figures = made_now("results/cards/*.html"), made_now("results/figures/*.png")
    figures.sort(key=lambda path: first.index(path.stem) if path.stem in first else len(first))
    if not cards + figures:
        return []
    places = [name for name in ("figures", "tables", "cards") if made_now(f"results/{name}/*")]
    return [f"Results are in {', '.join(f'results/{name}' for name in places)}; open {(cards + figures)[0]} first."]


def made_now(pattern):
    """Return the files that this run made, by their pattern."""
    return sorted(path for path in Path().glob(pattern) if path.stat().st_mtime >= BEGAN)


def how_to_go_on():
    """Return why the jobs of this run failed, if any did, and what to do next."""
    told = faults()
    mend = "Fix the error above and run the same command again." if told else "Run the same command again to continue."
    return [*told, f"Finished results are kept, and so are the epochs of a training. {mend}"]


def tell(lines):
    """Print the last lines of a run, below Snakemake's own output."""
    print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr, flush=True)
