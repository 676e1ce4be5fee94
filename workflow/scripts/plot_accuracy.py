"""Accuracy tables of several experiments and bases -> a figure with a panel an experiment, its table, its caption."""

from engine.job import run

from engine.kinds import attack_labels, legend
from friendlyfire.figures.captions import curvature_quality, fooling_rates, image_counts
from friendlyfire.figures.panels import (
    accuracy_against_directions,
    bases_legend,
    basis_colours,
    draw,
    fractions_against_directions,
    panels,
)
from friendlyfire.figures.templates import write_caption
from friendlyfire.records.tables import read_table, read_tables, write_table

#: Horizontal axis of each figure, and what it counts. Figure 4 counts directions in total, as the paper does.
AXES = {"fig3": ("directions_per_class", "directions a class"), "fig4": ("rank", "directions in all")}


def main(inputs, outputs, settings):
    x, label = AXES[settings["figure"]]
    table = read_tables(inputs.accuracy)
    if x == "rank":
        table = table.drop(columns="directions_per_class")
    write_table(outputs.csv, table, settings)

    fractions = read_tables(inputs.fractions) if inputs.fractions else None
    attacks = [] if fractions is None else list(fractions["attack"].unique())

    known, called = legend(settings["config"]), attack_labels(settings["config"])
    colours = basis_colours(table["basis"].unique(), known)

    def figure():
        names = list(table["experiment"].unique())
        figure, columns = panels(names, [1, *[0.8] * len(attacks)])
        for name, (top, *below) in zip(names, columns, strict=True):
            accuracy_against_directions(table[table["experiment"] == name], top, x, colours)
            for attack, ax in zip(attacks, below, strict=True):
                mine = (fractions["experiment"] == name) & (fractions["attack"] == attack)
                fractions_against_directions(fractions[mine], ax, x, colours)
                ax.set_ylabel(f"norm of {called.get(attack, attack)} inside")
            (below or [top])[-1].set_xlabel(label)
        bases_legend(figure, colours, list(table["split"].unique()), known)
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    words = {
        "images": image_counts(table),
        "attacks": "" if fractions is None else fooling_rates(fractions),
        "quality": curvature_quality([read_table(path) for path in inputs.quality]),
    }
    write_caption(inputs, outputs, **words)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
