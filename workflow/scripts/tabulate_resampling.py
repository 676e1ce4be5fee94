"""Write table 1 in the paper's form, with the paper's own rows, from the tables of several experiments."""

from engine.job import run

from pathlib import Path

import pandas as pd

from friendlyfire.figures.captions import filled, write_caption
from friendlyfire.records.tables import read_tables, write_html, write_table

#: The experiment of the paper's table; the paper's rows follow it.
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
    decimals = {name: "{:.0f}" if name == "d_low" else "{:.2f}" for name in wide.columns[1:]}
    texts = wide.assign(**{name: wide[name].map(form.format) for name, form in decimals.items()})
    Path(outputs.md).write_text(markdown(texts), encoding="utf-8")
    columns = "l" + "r" * len(decimals)
    latex = texts.style.hide(axis="index").to_latex(hrules=True, column_format=columns, convert_css=True)
    Path(outputs.tex).write_text(latex.replace("_", "\\_"), encoding="utf-8")
    write_html(outputs.html, texts)
    networks = read_tables(inputs.networks)
    for name in ("caption", "attacks_caption"):
        text = Path(getattr(inputs, name)).read_text(encoding="utf-8")
        write_caption(getattr(outputs, name), filled(text, networks))


def paper_form(rows: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """Return one row per side, with accuracy and fooling rates in %, one column per factor: means over repetitions."""
    rates = (100 * rows.pivot_table(index="side", columns="factor", values="fooling")).rename(columns="{:g}".format)
    table = rows.groupby("side")[MEASURES].mean().join(rates).sort_index(ascending=False).reset_index()
    table["accuracy"] *= 100
    table.insert(0, "experiment", experiment)
    return table


def markdown(table: pd.DataFrame) -> str:
    """Format texts as a Markdown table, with numbers aligned to the right."""
    lines = [list(table), ["---", *["---:"] * (table.shape[1] - 1)], *table.to_numpy().tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
