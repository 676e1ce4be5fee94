"""Figures 3 and 4: accuracy against the number of directions kept, a panel per experiment."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from friendlyfire.figures.captions import curvature_quality, fooling_rates, image_counts, without_intervals
from friendlyfire.figures.drawn import Drawn, Legend
from friendlyfire.figures.panels import (
    accuracy_against_directions,
    bases_legend,
    basis_colours,
    fractions_against_directions,
    panels,
)

FIGURES = {
    "fig3": {
        "make": "by_class",
        "title": "Figure 3",
        "section": "4.2 Accuracy and dimensionality",
        "bases": ["fig3"],
        "reads": {
            "accuracy": "accuracy/{basis}.csv",
            "fractions": "fractions/{basis}.csv",
            "quality": "quality.csv",
        },
        "tables": {"csv": "numbers"},
        "caption": (
            "Accuracy on images projected onto the first directions of each class, ordered by the curvature of the "
            "class boundary (section 4.2, figure 3, top row; {images}). Where the lines of high curvature rise at once"
            " and the flattest stay at chance, the network classifies with the directions along which its boundaries "
            "curve. Bands: 95 % intervals of the accuracy on measured images, from which no basis was made. The "
            "controls depend on nothing of the network. Lower rows: the mean fraction of the norm of each attack "
            "inside the same subspaces (section 4.3), for images that are held out of all bases; fooled are {attacks}."
            " Universal perturbations come from the images that the bases come from. {few} Perturbations by FGSM and "
            "by Foolbox's attacks count whether they fool or not; saliency maps have no length, so they are not "
            "judged. A direction that other classes have already given adds no rank, so lines of curvature may be "
            "longer than those of the controls. A dot ends a line where a basis has no direction left, before others "
            "do: the basis of both signs takes two directions per class at each step, so it ends after half as many. "
            "Curvature: {quality}"
        ),
        "options": {
            "fig3": {
                "default": [
                    "curvature-positive",
                    "curvature-negative",
                    "curvature-extreme",
                    "curvature-flat",
                    "pca",
                    "dct",
                    "random",
                ],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": "bases of figure 3; an empty list leaves the experiment out",
            },
        },
    },
    "fig4": {
        "make": "by_rank",
        "title": "Figure 4",
        "section": "4.3 Classification and attack",
        "bases": ["fig4"],
        "reads": {"accuracy": "accuracy/{basis}.csv"},
        "tables": {"csv": "numbers"},
        "caption": (
            "Accuracy on images projected onto the singular vectors of DeepFool perturbations, from the highest "
            "singular value and from the lowest (section 4.3, figure 4; {images}). Where the line from the highest "
            "rises far ahead of the one from the lowest, the network classifies with the directions along which it is "
            "fooled. Bands: 95 % intervals of the accuracy on measured images, from which no basis was made. The "
            "controls show how much of that the data do without the network. A dot ends a line where a basis has no "
            "direction left, before others do."
        ),
        "options": {
            "fig4": {
                "default": ["deepfool-high", "deepfool-low", "pca", "dct", "random"],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": "bases of figure 4; an empty list leaves the experiment out",
            },
        },
    },
}


def by_class(
    accuracy: pd.DataFrame, fractions: pd.DataFrame, quality: pd.DataFrame, legend: Legend, attacks: Mapping[str, str]
) -> Drawn:
    """Draw accuracy and norm fractions against the directions per class.

    Args:
        accuracy: on projected images, at each rank of each basis.
        fractions: of the norm of each attack inside.
        quality: the records of the decompositions.
        legend: of the bases.
        attacks: what to call each attack.
    """
    words = {
        "images": image_counts(accuracy),
        "attacks": fooling_rates(fractions),
        "few": without_intervals(fractions),
        "quality": curvature_quality(quality),
    }

    def figure() -> Figure:
        return accuracies(accuracy, fractions, "directions_per_class", "directions per class", legend, attacks)

    return Drawn({"csv": accuracy}, figure, words)


def by_rank(accuracy: pd.DataFrame, legend: Legend) -> Drawn:
    """Draw accuracy against the directions in total, as the paper's figure 4 counts them.

    Args:
        accuracy: on projected images, at each rank of each basis.
        legend: of the bases.
    """
    table = accuracy.drop(columns="directions_per_class")

    def figure() -> Figure:
        return accuracies(table, None, "rank", "directions in all", legend, {})

    return Drawn({"csv": table}, figure, {"images": image_counts(table)})


def accuracies(
    table: pd.DataFrame, fractions: pd.DataFrame | None, x: str, label: str, legend: Legend, called: Mapping[str, str]
) -> Figure:
    """Panels of accuracy, and below them one of the norm fractions of each attack, a column per experiment."""
    colours = basis_colours(table["basis"].unique(), legend)
    attacks = [] if fractions is None else list(fractions["attack"].unique())
    names = list(table["experiment"].unique())
    figure, columns = panels(names, [1, *[0.8] * len(attacks)])
    for name, (top, *below) in zip(names, columns, strict=True):
        accuracy_against_directions(table[table["experiment"] == name], top, x, colours)
        for attack, ax in zip(attacks, below, strict=True):
            mine = (fractions["experiment"] == name) & (fractions["attack"] == attack)
            fractions_against_directions(fractions[mine], ax, x, colours)
            ax.set_ylabel(f"fraction of norm of\n{called.get(attack, attack)} inside")
        (below or [top])[-1].set_xlabel(label)
    bases_legend(figure, colours, list(table["split"].unique()), legend)
    return figure
