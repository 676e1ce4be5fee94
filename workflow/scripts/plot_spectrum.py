"""Tables of spectra -> a figure with a column an experiment, its table, its caption."""

from pathlib import Path

import pandas as pd

from friendlyfire.captions import curvature_quality
from friendlyfire.figures import draw, eigenvalues, panels, singular_values
from job import run


def main(inputs, outputs, settings):
    table = pd.concat([pd.read_csv(path, dtype={"class": str}, keep_default_na=False) for path in inputs.spectra])
    table.to_csv(outputs.csv, index=False)
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
    words = {"quality": curvature_quality([pd.read_csv(path) for path in inputs.quality])}
    caption = Path(inputs.caption).read_text(encoding="utf-8").format(**words)
    Path(outputs.caption).write_text(caption, encoding="utf-8")


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
