"""Learning curves -> a figure with a panel an experiment, its table, its caption."""

from engine.job import run

from friendlyfire.figures.panels import draw, learning_curve, panels
from friendlyfire.figures.templates import write_caption
from friendlyfire.records.tables import read_tables, write_table


def main(inputs, outputs, settings):
    table = read_tables(inputs.curves)
    write_table(outputs.csv, table, settings)
    names = list(table["experiment"].unique())

    def figure():
        figure, columns = panels(names)
        for name, (ax,) in zip(names, columns, strict=True):
            learning_curve(table[table["experiment"] == name], ax)
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    last = table.groupby("experiment", sort=False)[["test_accuracy", "test_images"]].last()
    finals = "; ".join(
        f"{name}: {row.test_accuracy:.1%} of {row.test_images:,.0f} test images" for name, row in last.iterrows()
    )
    write_caption(inputs, outputs, finals=finals)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
