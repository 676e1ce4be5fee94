"""Accuracies and norm fractions -> one against the other, a line a basis, and the distances between the lines."""

from engine.job import run

import numpy as np
import pandas as pd

from engine.kinds import legend
from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import accuracy_against_fraction, bases_legend, basis_colours, draw, panels
from friendlyfire.figures.templates import write_caption
from friendlyfire.measures.coupling import Curve, compare, resampled_lines
from friendlyfire.records.errors import ProvenanceError
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_tables, write_table

#: The basis that the others are held against: the attack's own directions.
REFERENCE = "deepfool-high"

WAY_OUT = "make them again with: snakemake --cores all --forcerun measure_accuracy measure_fractions"


def main(inputs, outputs, settings):
    accuracy = read_tables(inputs.accuracy).query("split == 'test'")
    fractions = read_tables(inputs.fractions)
    # Rank 0 has no attack inside, and a line from there to the first rank would be drawn, not measured.
    both = (
        accuracy.query("rank > 0")
        .merge(
            fractions.drop(columns=["directions_per_class", "role", "images"]),
            on=["experiment", "basis", "rank"],
            suffixes=("", "_fraction"),
        )
        .rename(columns={"ci_low_fraction": "fraction_ci_low", "ci_high_fraction": "fraction_ci_high"})
    )
    write_table(outputs.correlations, correlations(both), settings)
    table = both[both["attack"] == "deepfool"].drop(columns="attack")
    write_table(outputs.csv, table, settings)
    curves = read_curves(inputs.correct, inputs.inside, "deepfool")
    rows = [row for name, part in curves.items() for row in distances(part, name, settings["seed"])]
    apart = pd.DataFrame(rows)
    write_table(outputs.distances, apart, settings)

    known = legend(settings["config"])
    colours = basis_colours(table["basis"].unique(), known)

    def figure():
        names = list(table["experiment"].unique())
        figure, columns = panels(names)
        for name, (ax,) in zip(names, columns, strict=True):
            accuracy_against_fraction(table[table["experiment"] == name], ax, colours)
        bases_legend(figure, colours, [], known)
        return figure

    draw(figure, inputs.style, [outputs.pdf, outputs.png])
    points = apart.assign(**{name: 100 * apart[name] for name in ("gap", "gap_ci_low", "gap_ci_high")})
    images = pd.concat([accuracy, fractions.query("role == 'held-out'")])
    words = "; ".join(
        f"{row.experiment}, {row.basis}: {row.gap:+.1f} ({row.gap_ci_low:+.1f} to {row.gap_ci_high:+.1f})"
        for row in points.itertuples()
    )
    write_caption(inputs, outputs, gaps=words, images=image_counts(images))


def read_curves(correct: list[str], inside: list[str], attack: str) -> dict[str, dict[str, Curve]]:
    """What each basis of each experiment does to single images, along its ranks above 0.

    Args:
        correct: stores of the accuracies.
        inside: stores of the norm fractions of the same bases, in the same order.
        attack: whose fractions are read.

    Raises:
        ProvenanceError: two bases of an experiment were not measured on the same images.
    """
    curves, images = {}, {}
    for accuracies, fractions in zip(correct, inside, strict=True):
        with open_store(accuracies, "accuracy") as one, open_store(fractions, "fractions") as other:
            experiment, basis = one.record["experiment"], one.record["basis"]
            above = one["ranks"] > 0
            indices = one["measured/indices"], other[f"{attack}/indices"]
            bits = np.unpackbits(one["measured/correct"], axis=1, count=len(indices[0]))
            same = (other.record["experiment"], other.record["basis"]) == (experiment, basis)
            if not same or not np.array_equal(one["ranks"], other["ranks"]):
                raise ProvenanceError(f"{accuracies} and {fractions} are not of one basis at the same ranks; {WAY_OUT}")
            curves.setdefault(experiment, {})[basis] = Curve(
                bits[above].T.astype(bool), other[f"{attack}/fractions"][:, above].astype(np.float64)
            )
        if not all(map(np.array_equal, images.setdefault(experiment, indices), indices)):
            raise ProvenanceError(f"{accuracies} or {fractions} is of other images than the other bases; {WAY_OUT}")
    return curves


def distances(curves: dict[str, Curve], experiment: str, seed: int) -> list[dict]:
    """The distance of each basis of one experiment from the reference, with its intervals."""
    if REFERENCE not in curves:
        return []
    seeds = tuple(derive_seed(seed, "coupling", experiment, images) for images in ("measured", "held-out"))
    lines, rows = resampled_lines(curves, seeds), []
    for basis, curve in curves.items():
        if basis == REFERENCE:
            continue
        found = compare(curve, curves[REFERENCE], lines[basis], lines[REFERENCE])
        row = {"experiment": experiment, "basis": basis, "reference": REFERENCE}
        for name in ("gap", "distance"):
            row[name] = getattr(found, name)
            row[f"{name}_ci_low"], row[f"{name}_ci_high"] = getattr(found, f"{name}_interval")
        rows.append({**row, "images": len(curve.correct), "perturbations": len(curve.fractions)})
    return rows


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation of accuracy with the fraction of each attack's norm inside.

    Over all bases and ranks together (no ``directions_per_class``), and over the bases at each number of directions per
    class that at least four were measured at. Noise breaks ties between them, and so lowers the correlation; resampling
    adds noise once more. No bootstrap interval was honest for that reason: percentiles covered 45 to 79 % at 360
    images, so there is none.
    """
    keys = ["experiment", "attack", "directions_per_class"]
    groups = [((*names, np.nan), part) for names, part in table.groupby(keys[:2], sort=False)]
    rows = []
    for names, part in [*groups, *table.groupby(keys, sort=True)]:
        if part["basis"].nunique() >= 4 and part["accuracy"].nunique() > 1:
            spearman = part[["fraction", "accuracy"]].rank().corr().iloc[0, 1]
            counts = {"bases": part["basis"].nunique(), "points": len(part)}
            rows.append({**dict(zip(keys, names, strict=True)), **counts, "spearman": spearman})
    return pd.DataFrame(rows, columns=[*keys, "bases", "points", "spearman"])


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
