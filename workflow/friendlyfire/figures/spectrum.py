"""Eigenvalues of each class and singular values of the perturbations, a column per experiment."""

import pandas as pd
from matplotlib.figure import Figure

from friendlyfire.figures.captions import curvature_quality
from friendlyfire.figures.drawn import Drawn
from friendlyfire.figures.panels import eigenvalues, panels, singular_values

FIGURES = {
    "spectrum": {
        "make": "spectrum",
        "title": "Spectra",
        "section": "3 Curvature",
        "experiments": "spectrum",
        "reads": {"spectra": "spectra.csv", "quality": "quality.csv"},
        "tables": {"csv": "numbers"},
        "caption": (
            "Top: eigenvalues of the mean Hessian of each class's margin at its boundary (algorithm 1), the whole "
            "spectrum. Where few directions curve, the lines fall steeply at their ends and are flat between. In "
            "colour are the classes of the largest and of the smallest top curvature. Bottom: singular values of the "
            "perturbations of unit norm and of the mean-subtracted images, as fractions of the largest. {quality}"
        ),
        "options": {
            "spectrum": {
                "default": ["curvature", "deepfool", "pca"],
                "type": "array",
                "uniqueItems": True,
                "items": {"enum": ["curvature", "deepfool", "pca"]},
                "description": (
                    "spectra that are drawn: eigenvalues of the mean Hessians, singular values of the perturbations, "
                    "of the images; an empty list leaves the experiment out"
                ),
            },
        },
    },
}


def spectrum(spectra: pd.DataFrame, quality: pd.DataFrame) -> Drawn:
    """Draw the spectra of the mean Hessians, and of the perturbations and images.

    Args:
        spectra: of the experiments, in long form.
        quality: the records of the decompositions.
    """
    curved = spectra["spectrum"] == "curvature"

    def figure() -> Figure:
        names = list(spectra["experiment"].unique())
        figure, columns = panels(names, [1, 1])
        for name, (top, bottom) in zip(names, columns, strict=True):
            mine = spectra["experiment"] == name
            for rows, ax, plot in ((mine & curved, top, eigenvalues), (mine & ~curved, bottom, singular_values)):
                plot(spectra[rows], ax) if rows.any() else ax.set_axis_off()
        return figure

    return Drawn({"csv": spectra}, figure, {"quality": curvature_quality(quality)})
