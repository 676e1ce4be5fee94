"""Compute one measure: its tables, and its values per image."""

from engine.job import run

from contextlib import ExitStack
from functools import partial

from engine.kinds import reader_of_measure
from engine.notes import made
from friendlyfire.declarations import called, declared, function_at
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store
from friendlyfire.records.tables import write_table


def main(inputs, outputs, settings):
    name, experiment = settings["declared"], settings["experiment"]
    kind = declared("measures")[name]
    of = {word: settings[word] for word in ("experiment", kind["per"]) if word}
    given = {**of, **settings[name], "seed": partial(derive_seed, settings["seed"], name, experiment)}
    for argument, key in kind["with"].items():
        section, _, entry = key.partition(".")
        given[argument] = settings[section][entry]
    with ExitStack() as stores:
        for part in kind["from"]:
            given[part] = function_at(reader_of_measure(part))(inputs, settings, stores)
        found = called(kind["make"], given)
    for table_name, table in found.tables.items():
        for column, (word, value) in enumerate(of.items()):
            table.insert(column, word, value)
        write_table(getattr(outputs, table_name), table, settings)
    for file in set(kind["gives"]) - set(found.tables):
        record = {**of, **found.record, "settings": settings[name], **made(settings)}
        with create_store(getattr(outputs, file), kind["store"], record) as store:
            for array_name, array in found.arrays.items():
                store.array(array_name, array)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
