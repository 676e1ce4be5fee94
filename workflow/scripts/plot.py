"""Draw one figure from the tables and pictures of several experiments, and write its tables and caption."""

from engine.job import run

import inspect
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from engine.kinds import attack_labels, legend
from friendlyfire.declarations import declared, function_at
from friendlyfire.figures.captions import filled
from friendlyfire.figures.panels import draw
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_tables, write_table


def main(inputs, outputs, settings):
    name = settings["declared"]
    kind, config = declared("figures")[name], settings["config"]
    given = {
        "legend": legend(config),
        "attacks": attack_labels(config),
        "claims": declared("claims"),
        "seed": partial(derive_seed, config["seed"], name),
    }
    function = function_at(kind["make"])
    with ExitStack() as stores:
        for word in kind["reads"]:
            paths = getattr(inputs, word)
            if kind["reads"][word].endswith(".csv"):
                given[word] = read_tables(paths)
            else:
                given[word] = [stores.enter_context(open_store(path, None)) for path in paths]
        drawn = function(**{argument: given[argument] for argument in inspect.signature(function).parameters})
        draw(drawn.figure, inputs.style, [outputs.pdf, outputs.png])
    for table in kind["tables"]:
        write_table(getattr(outputs, table), drawn.tables[table], settings)
    caption = filled(kind["caption"], read_tables(inputs.networks), thin=kind.get("thin", True), **drawn.words)
    Path(outputs.caption).write_text(caption, encoding="utf-8")


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
