"""Time of the workflow: the dry run of the suite paper, the demo, job by job, and one of its figures again."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.harness import Goal

REPOSITORY = Path(__file__).resolve().parents[1]

CODE = ("Snakefile", "config.yaml", "workflow", "envs", "profiles")


def measure() -> tuple[pd.DataFrame, list[Goal]]:
    """Measure all in a new, empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name in CODE:
            source, target = REPOSITORY / name, Path(folder) / name
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        printed, planned = _run(folder, "--dry-run", "--config", "suite=paper")
        jobs = next(line.split()[-1] for line in printed.splitlines() if line.startswith("total "))
        _, made = _run(folder)
        (Path(folder) / "results/figures/fig4.png").unlink()
        _, drawn = _run(folder, "fig4")
        notes = sorted((Path(folder) / "results/provenance").rglob("*.json"))
        table = pd.DataFrame([json.loads(note.read_text(encoding="utf-8")) for note in notes])
    # A job with several results has a note with each of them.
    jobs_of = table.assign(outputs=table["outputs"].map(tuple)).drop_duplicates(["rule", "outputs"]).groupby("rule")
    table = jobs_of.agg(jobs=("seconds", "size"), seconds=("seconds", "sum"), most_gib=("peak_gib", "max"))
    table = table.sort_values("seconds", ascending=False).reset_index()
    return table, [
        Goal("dry run of the suite paper", f"{jobs} jobs", "6 s", f"{planned:.1f} s", planned <= 6),
        Goal(
            "make demo, after installation",
            f"{int(table['jobs'].sum())} jobs",
            "90 s",
            f"{made:.0f} s",
            made <= 90,
        ),
        Goal("one figure, from its tables", "", "3 s", f"{drawn:.1f} s", drawn <= 3),
    ]


def _run(folder: str, *arguments: str) -> tuple[str, float]:
    """Run snakemake, and return its output and the seconds."""
    command, began = [sys.executable, "-m", "snakemake", "--cores", "all", *arguments], time.perf_counter()
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return done.stdout, time.perf_counter() - began
