"""Resampling tables of several experiments -> table 1 in the paper's form, with the paper's own rows."""

from engine.job import run

from pathlib import Path

import pandas as pd

from friendlyfire.figures.captions import filled
from friendlyfire.records.tables import read_tables, write_html, write_table

#: The experiment of the paper's table, beside which its rows are set.
PAPER = "imagenet-alexnet"

MEASURES = ["image_norm", "perturbation_norm", "accuracy"]


def main(inputs, outputs, settings):
    long = read_tables(inputs.transfer)
    write_table(outputs.csv, long, settings)
    write_table(outputs.attacks, read_tables(inputs.attacks), settings)
    wide = pd.concat([paper_form(rows, name) for name, rows in long.groupby("experiment", sort=False)])
    if PAPER in set(long["experiment"]):
        wide = pd.concat([wide, pd.read_csv(inputs.paper).assign(experiment="the paper")[wide.columns]])
    wide = wide.rename(
        columns={"side": "d_low", "image_norm": "norm of images", "perturbation_norm": "norm of perturbations"}
    ).rename(columns=lambda name: f"f = {name}" if name[0].isdigit() else name)
    Path(outputs.md).write_text(markdown(wide), encoding="utf-8")
    Path(outputs.tex).write_text(latex(wide), encoding="utf-8")
    write_html(outputs.html, pd.DataFrame(cells(wide), columns=list(wide)))
    networks = read_tables(inputs.networks)
    for name in ("caption", "attacks_caption"):
        text = Path(getattr(inputs, name)).read_text(encoding="utf-8")
        Path(getattr(outputs, name)).write_text(filled(text, networks), encoding="utf-8")


def paper_form(rows: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """One row a side; accuracy and fooling rates in %, a column for each factor."""
    rates = (100 * rows.pivot_table(index="side", columns="factor", values="fooling")).rename(columns="{:g}".format)
    table = rows.groupby("side")[MEASURES].first().join(rates).sort_index(ascending=False).reset_index()
    table["accuracy"] *= 100
    table.insert(0, "experiment", experiment)
    return table


def cells(table: pd.DataFrame) -> list[list[str]]:
    """All cells as text: two decimals, sides whole."""
    return [
        [
            value if isinstance(value, str) else f"{value:.0f}" if name == "d_low" else f"{value:.2f}"
            for name, value in row.items()
        ]
        for _, row in table.iterrows()
    ]


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table, numbers to the right."""
    lines = [list(table), ["---", *["---:"] * (table.shape[1] - 1)], *cells(table)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex(table: pd.DataFrame) -> str:
    """A LaTeX tabular with booktabs rules."""
    head = " & ".join(name.replace("_", "\\_") for name in table)
    body = "".join(f"{' & '.join(line)} \\\\\n" for line in cells(table))
    columns = "l" + "r" * (table.shape[1] - 1)
    return f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
