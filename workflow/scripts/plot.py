"""Results of several experiments -> the numbers and pictures of one figure; the figure and caption made of them."""

from engine.job import run

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from engine.kinds import PAGE, attack_labels, legend
from engine.notes import made
from engine.reading import read_inputs
from engine.twins import originals
from friendlyfire.declarations import called, declared, function_at
from friendlyfire.figures.captions import filled, write_caption
from friendlyfire.figures.panels import save
from friendlyfire.figures.redrawn import interactive, redrawn
from friendlyfire.figures.shown import labels_of, write_pictures
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store
from friendlyfire.records.tables import read_tables, write_table


def main(inputs, outputs, settings):
    name = settings["declared"]
    kind, config = declared("figures")[name], settings["config"]
    given = {"claims": declared("claims"), "twins": originals(config)}
    given["seed"] = partial(derive_seed, config["seed"], name)
    with ExitStack() as stores:
        shown = called(kind["make"], given | read_inputs(kind["reads"], inputs, stores))
    for table in kind["tables"]:
        write_table(getattr(outputs, table), shown.tables[table], settings)
    if "pictures" in kind:
        record = {"figure": name, "labels": labels_of(shown.pictures), **made(settings)}
        with create_store(outputs.pictures, "pictures", record) as store:
            write_pictures(store, shown.pictures)
    names = {"legend": legend(config), "attacks": attack_labels(config)}
    figure = partial(redrawn, name, shown.tables, shown.pictures, **names)
    save(figure, inputs.style, [outputs.pdf, outputs.png])
    caption = filled(kind["caption"], read_tables(inputs.networks), thin=kind.get("thin", True), **shown.words)
    write_caption(outputs.caption, caption)
    if "hover" in kind:
        tables = {title: shown.tables[table] for table, title in kind["tables"].items()}
        page = function_at(PAGE)(interactive(name, shown.tables, **names), kind["title"], caption, tables)
        Path(outputs.page).write_text(page, encoding="utf-8")


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
