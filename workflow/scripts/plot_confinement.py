"""Tables and pictures of confined attacks -> a figure with a column an experiment, its table, its caption."""

from engine.job import run

import numpy as np

from engine.kinds import legend
from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import as_pictures, basis_name, confined_norms, draw, panels, pictures
from friendlyfire.figures.templates import write_caption
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_tables, write_table

#: Pictures below a panel, spread along its axis.
SHOWN = 6


def main(inputs, outputs, settings):
    table = read_tables(inputs.confinement)
    write_table(outputs.csv, table, settings)
    strips = {}
    for path in inputs.pictures:
        with open_store(path, "pictures") as store:
            ranks, attacks, images = store["ranks"], store["perturbations"][:, 0], store["projections"][:, 0]
        chosen = sorted({round(i * (len(ranks) - 1) / (SHOWN - 1)) for i in range(SHOWN)})
        strips[store.record["experiment"], store.record["basis"]] = ranks[chosen], attacks[chosen], images[chosen]
    known = legend(settings["config"])
    names, bases = list(table["experiment"].unique()), list(table["basis"].unique())

    def figure():
        figure, columns = panels(names, [1, 0.8] * len(bases))
        for name, axes in zip(names, columns, strict=True):
            for basis, plot, below in zip(bases, axes[::2], axes[1::2], strict=True):
                confined_norms(table[(table["experiment"] == name) & (table["basis"] == basis)], plot)
                plot.set_xlabel(f"directions in all ({basis_name(basis, known)})")
                ranks, attacks, images = strips[name, basis]
                labels = [f"attack, {rank}" for rank in ranks] + [f"image, {rank}" for rank in ranks]
                pictures(np.concatenate([as_pictures(attacks), images]), labels, below, rows=2)
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    success = "; ".join(
        f"{name}: {value:.1%}" for name, value in table.groupby("experiment", sort=False)["success"].median().items()
    )
    write_caption(inputs, outputs, success=success, images=image_counts(table))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
