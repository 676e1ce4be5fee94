"""Accuracies and norm fractions -> one against the other, a line a basis, and the distances between the lines."""

import numpy as np
import pandas as pd

from caption import write_caption
from friendlyfire.coupling import Curve, curve_gap, gap_interval
from friendlyfire.figures import accuracy_against_fraction, bases_legend, basis_colours, draw, panels
from friendlyfire.intervals import Z_95
from friendlyfire.seeds import derive_seed
from job import run
from tables import read_tables, write_table

#: The basis that the others are held against: the attack's own directions.
REFERENCE = "deepfool-high"


def main(inputs, outputs, settings):
    accuracy = read_tables(inputs.accuracy).query("split == 'test'")
    fractions = read_tables(inputs.fractions)
    # Rank 0 has no attack inside, and a line from there to the first rank would be drawn, not measured.
    both = (
        accuracy.query("rank > 0")
        .merge(
            fractions.drop(columns="directions_per_class"),
            on=["experiment", "basis", "rank"],
            suffixes=("", "_fraction"),
        )
        .rename(columns={"ci_low_fraction": "fraction_ci_low", "ci_high_fraction": "fraction_ci_high"})
    )
    write_table(outputs.correlations, correlations(both), settings)
    table = both[both["attack"] == "deepfool"].drop(columns="attack")
    write_table(outputs.csv, table, settings)
    distances = pd.DataFrame(
        [row for _, part in table.groupby("experiment", sort=False) for row in gaps(part, settings)]
    )
    write_table(outputs.distances, distances, settings)

    colours = basis_colours(table["basis"].unique())

    def figure():
        names = list(table["experiment"].unique())
        figure, columns = panels(names)
        for name, (ax,) in zip(names, columns, strict=True):
            accuracy_against_fraction(table[table["experiment"] == name], ax, colours)
        bases_legend(figure, colours, [])
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    points = distances.assign(**{name: 100 * distances[name] for name in ("gap", "gap_ci_low", "gap_ci_high")})
    words = "; ".join(
        f"{row.experiment}, {row.basis}: {row.gap:+.1f} ({row.gap_ci_low:+.1f} to {row.gap_ci_high:+.1f})"
        for row in points.itertuples()
    )
    write_caption(inputs, outputs, gaps=words)


def gaps(table: pd.DataFrame, settings: dict) -> list[dict]:
    """The distance of each basis of one experiment from the reference, with its intervals."""
    experiment = table["experiment"].iloc[0]
    curves = {basis: curve_of(rows) for basis, rows in table.groupby("basis", sort=False)}
    rows = []
    for basis, curve in curves.items():
        if basis == REFERENCE or REFERENCE not in curves:
            continue
        rng = np.random.default_rng(derive_seed(settings["seed"], "coupling", experiment, basis))
        gap, distance = curve_gap(curve, curves[REFERENCE])
        (low, high), (distance_low, distance_high) = gap_interval(curve, curves[REFERENCE], rng)
        rows.append(
            {
                "experiment": experiment,
                "basis": basis,
                "reference": REFERENCE,
                "gap": gap,
                "gap_ci_low": low,
                "gap_ci_high": high,
                "distance": distance,
                "distance_ci_low": distance_low,
                "distance_ci_high": distance_high,
                "images": curve.images,
            }
        )
    return rows


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation over the bases, of accuracy with the fraction of each attack's norm inside.

    At each number of directions a class that at least four bases were measured at; 1 if the basis with more of the
    attack always has more of the accuracy.
    """
    keys = ["experiment", "attack", "directions_per_class"]
    rows = []
    for names, bases in table.groupby(keys, sort=False):
        if len(bases) >= 4 and bases["accuracy"].nunique() > 1:
            ranks = bases[["fraction", "accuracy"]].rank()
            rows.append(
                {**dict(zip(keys, names, strict=True)), "bases": len(bases), "spearman": ranks.corr().iloc[0, 1]}
            )
    return pd.DataFrame(rows, columns=[*keys, "bases", "spearman"]).sort_values(keys)


def curve_of(rows: pd.DataFrame) -> Curve:
    """The curve of one basis."""
    rows = rows.sort_values("rank")
    error = (rows["fraction_ci_high"] - rows["fraction_ci_low"]) / (2 * Z_95)
    return Curve(
        *(column.to_numpy() for column in (rows["fraction"], error, rows["accuracy"])), int(rows["images"].iloc[0])
    )


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
