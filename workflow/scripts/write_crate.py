"""Results and their provenance notes -> an RO-Crate, as a folder and as an archive."""

from engine.job import run

import json
import shutil
from pathlib import Path

import engine
from engine.notes import commit, results_behind
from engine.settings import suite_experiments
from friendlyfire.records.crate import PROJECT, crate_of, is_enclosed


def main(inputs, outputs, settings):
    notes = results_behind(inputs.results, beside=True)
    crate, project = Path(outputs.metadata).parent, Path(engine.__file__).parents[2]
    shutil.rmtree(crate, ignore_errors=True)
    for name in PROJECT:
        copy(project / name, crate / name)
    for path in filter(is_enclosed, notes):
        copy(Path(path), crate / path)
    sizes = {path: Path(path).stat().st_size for path in notes}
    metadata = crate_of(notes, sizes, ", ".join(suite_experiments(settings["config"])), commit())
    Path(outputs.metadata).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")
    shutil.make_archive(outputs.archive.removesuffix(".zip"), "zip", crate)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, with the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
