"""Score curves of one class along two directions -> figure 1, its table, its caption."""

from engine.job import run

import numpy as np
from matplotlib.lines import Line2D

from friendlyfire.figures.panels import OTHERS, as_pictures, class_colours, draw, panels, pictures, score_curves
from friendlyfire.figures.templates import write_caption
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_tables, write_table

#: Predicted classes that have a colour of their own, the most frequent ones.
NAMED = 10


def main(inputs, outputs, settings):
    table = read_tables(inputs.curves, dtype={"class": str, "predicted": str})
    write_table(outputs.csv, table, settings)
    kept = {}
    for path in inputs.pictures:
        with open_store(path, "pictures") as store:
            record = store.record
            direction = store["directions"][record["classes"].index(record["shown"]), :1]
            kept[record["experiment"], record["kind"]] = (
                np.concatenate([as_pictures(direction), store["images"]]),
                [
                    "direction",
                    *(f"{name}\ns = {s:.1f}" for name, s in zip(record["predicted"], store["steps"], strict=True)),
                ],
            )
    kinds = list(table["kind"].unique())

    def figure():
        names = list(table["experiment"].unique())
        figure, columns = panels(names, [1, 0.4] * len(kinds), columns=3)
        for name, axes in zip(names, columns, strict=True):
            mine = table[table["experiment"] == name]
            frequent = mine["predicted"].value_counts().index[:NAMED]
            colours = class_colours(sorted(frequent))
            for kind, plot, below in zip(kinds, axes[::2], axes[1::2], strict=True):
                score_curves(mine[mine["kind"] == kind], plot, colours)
                plot.set_title(f"{name}: most {kind} curvature")
                pictures(*kept[name, kind], below)
            handles = [Line2D([], [], color=colour, label=label) for label, colour in colours.items()]
            if mine["predicted"].nunique() > NAMED:
                handles.append(Line2D([], [], color=OTHERS, label="others"))
            axes[0].legend(handles=handles, title="predicted", fontsize=5, title_fontsize=5, ncols=2, handlelength=1)
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    counts = table.groupby("experiment", sort=False)[["class", "image"]].agg({"class": "first", "image": "nunique"})
    words = "; ".join(f"{name}: {row['class']}, {row['image']} images" for name, row in counts.iterrows())
    write_caption(inputs, outputs, shown=words)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
