"""Score tables of several experiments -> a figure of what a direction does to all images, its table, its caption."""

from engine.job import run

from friendlyfire.figures.captions import shares
from friendlyfire.figures.panels import as_pictures, draw, panels, pictures, population_scores, population_transitions
from friendlyfire.figures.templates import write_caption
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_tables, write_table

#: Classes whose directions are shown as pictures.
SHOWN = 5


def main(inputs, outputs, settings):
    table = read_tables(inputs.population, dtype={"class": str})
    forms = read_tables(inputs.form, dtype={"class": str})
    write_table(outputs.csv, table, settings)
    write_table(outputs.form, forms, settings)
    directions, shown = {}, {}
    for path in inputs.pictures:
        with open_store(path, "pictures") as store:
            name, classes = store.record["experiment"], store.record["classes"]
            directions[name] = classes[:SHOWN], store["directions"][:SHOWN]
            shown[name] = store.record["shown"]

    def figure():
        names = list(table["experiment"].unique())
        figure, columns = panels(names, [1, 1, 0.8])
        for name, (top, middle, bottom) in zip(names, columns, strict=True):
            mine = table[(table["experiment"] == name) & (table["class"] == shown[name])]
            population_scores(mine, top)
            top.set_title(f"{name}: {shown[name]}")
            population_transitions(mine, middle)
            classes, vectors = directions[name]
            images = as_pictures(vectors.swapaxes(0, 1).reshape(-1, *vectors.shape[2:]))
            pictures(images, [*classes, *classes], bottom, rows=2)
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    write_caption(inputs, outputs, shares=shares(table, forms))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
