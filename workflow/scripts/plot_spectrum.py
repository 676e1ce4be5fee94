"""Tables of spectra -> a figure with a column an experiment, its table, its caption."""

from engine.job import run

from friendlyfire.figures.captions import curvature_quality
from friendlyfire.figures.panels import draw, eigenvalues, panels, singular_values
from friendlyfire.figures.templates import write_caption
from friendlyfire.records.tables import read_table, read_tables, write_table


def main(inputs, outputs, settings):
    table = read_tables(inputs.spectra, dtype={"class": str}, na_values=[])
    write_table(outputs.csv, table, settings)
    curved = table["spectrum"] == "curvature"

    def figure():
        names = list(table["experiment"].unique())
        figure, columns = panels(names, [1, 1])
        for name, (top, bottom) in zip(names, columns, strict=True):
            mine = table["experiment"] == name
            for rows, ax, plot in ((mine & curved, top, eigenvalues), (mine & ~curved, bottom, singular_values)):
                plot(table[rows], ax) if rows.any() else ax.set_axis_off()
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    words = {"quality": curvature_quality([read_table(path) for path in inputs.quality])}
    write_caption(inputs, outputs, **words)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
