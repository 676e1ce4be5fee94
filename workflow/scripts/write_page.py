"""Results of one experiment -> one page of HTML."""

from engine.job import run

from contextlib import ExitStack
from pathlib import Path

from engine.kinds import attack_labels, legend
from engine.reading import read_inputs
from friendlyfire.datasets.sources import image_shape
from friendlyfire.declarations import called, declared


def main(inputs, outputs, settings):
    kind, config = declared("pages")[settings["declared"]], settings["config"]
    given = {
        "experiment": settings["experiment"],
        "datasets": {
            name: about(config["datasets"][one["dataset"]], one["dataset"])
            for name, one in config["experiments"].items()
        },
        "shapes": {
            name: image_shape(config["datasets"][one["dataset"]]) for name, one in config["experiments"].items()
        },
        "legend": legend(config),
        "attacks": attack_labels(config),
        "claims": declared("claims"),
        "options": settings["pages"],
    }
    with ExitStack() as stores:
        results = read_inputs(kind["reads"], inputs, stores)
        page = called(kind["make"], {**given, **results, "tables": results})
    Path(outputs.page).write_text(page, encoding="utf-8")


def about(dataset, name):
    """The images of a data set in words."""
    channels, height, width = image_shape(dataset)
    return f"{name}, {height} x {width} pixels, {'grey' if channels == 1 else 'colour'}"


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
