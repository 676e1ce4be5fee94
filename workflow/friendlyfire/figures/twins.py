"""Standard and robust networks in one panel each: accuracy, coupling, curvature, and how far attacks have to go."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from friendlyfire.attacks.statuses import Status
from friendlyfire.figures.captions import image_counts
from friendlyfire.figures.panels import basis_name, panels, plain_decades, plot_over_repetitions
from friendlyfire.figures.shown import Legend, Shown
from friendlyfire.records.seeds import repetition_of
from friendlyfire.records.stores import Store
from friendlyfire.records.tables import with_seeds

FIGURES = {
    "twins": {
        "make": "twins_beside_originals",
        "draw": "twins_panels",
        "title": "Twins",
        "section": "5 Claims",
        "experiments": "twins",
        "bases": ["fig4"],
        "of_these": ["deepfool-high", "pca"],
        "needs": "deepfool-high",
        "least": 2,
        "reads": {
            "accuracy": "accuracy/{basis}.csv",
            "fractions": "fractions/{basis}.csv",
            "spectra": "spectra.csv",
            "attacked": "perturbations/deepfool.zarr.zip",
        },
        "tables": {"numbers": "numbers", "spectra": "spectra", "norms": "norms"},
        "uses": ["twins"],
        "caption": (
            "A network and its twins, which differ from it by the settings that they state, in one column ({images}). "
            "Colours are networks, line styles are bases. From top to bottom: accuracy on projected measured images "
            "against the number of directions, with 95 % intervals; the same accuracy against the fraction of "
            "DeepFool's norm inside, on held-out images: where a twin keeps to the line of its original, accuracy and "
            "vulnerability are as coupled as there; absolute eigenvalues of the mean Hessians, from the largest down, "
            "median over the classes; held-out images that DeepFool has fooled within a norm. Median norms: {norms}."
        ),
    },
}

#: Colours of an original and of its twins, in their order (Okabe and Ito's).
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

#: Line styles of the bases, in their order.
STYLES = ("-", (0, (1.5, 1.2)), (0, (5, 2)), (0, (5, 1.5, 1, 1.5)))

#: Percentages of the held-out images at which norms are kept.
PERCENTAGES = np.arange(101)


def twins_beside_originals(
    accuracy: pd.DataFrame,
    fractions: pd.DataFrame,
    spectra: pd.DataFrame,
    attacked: Sequence[Store],
    twins: Mapping[str, str],
) -> Shown:
    """Accuracy, coupling, curvature and norms of twins and their originals; column ``of`` names the original.

    Args:
        accuracy: accuracy on projected images, at each rank of each basis.
        fractions: fractions of the norm of each attack inside.
        spectra: eigenvalues of the mean Hessians, and other spectra.
        attacked: stores of DeepFool's perturbations.
        twins: the original of each twin, by their names in the configuration.
    """
    of = {repetition_of(name)[0]: repetition_of(original)[0] for name, original in twins.items()}
    keys, measured = ["experiment", "seed", "basis", "rank"], accuracy.query("role == 'measured'")
    inside = fractions.query("attack == 'deepfool'")[[*keys, "fraction"]]
    curved = spectra.query("spectrum == 'curvature'")
    curved = curved.assign(value=curved["value"].abs())
    curved["index"] = curved.groupby(["experiment", "seed", "class"])["value"].rank(ascending=False, method="first")
    curved = curved.groupby(["experiment", "seed", "index"], sort=False)["value"].median().reset_index()
    norms = with_seeds(pd.concat([norms_of(store) for store in attacked]))
    half = norms.query("percent == 50").groupby("experiment", sort=False)["norm"].mean()
    tables = {"numbers": measured.merge(inside, on=keys, how="left"), "spectra": curved, "norms": norms}
    return Shown(
        {
            name: table.assign(of=[of.get(one, one) for one in table["experiment"]]).sort_values(
                ["of", "index"] if name == "spectra" else ["of"], kind="stable"
            )
            for name, table in tables.items()
        },
        words={
            "images": image_counts(measured),
            "norms": "; ".join(f"{name}: {norm:.3g}" for name, norm in half.items()),
        },
    )


def norms_of(store: Store) -> pd.DataFrame:
    """Return the norms within which each percentage of an experiment's held-out images is fooled; NaN for none."""
    held_out = store["held_out"]
    fooled = (store["statuses"] == Status.CONVERGED)[held_out]
    norms = np.where(fooled, store["norms"][held_out], np.inf)
    found = np.quantile(norms, PERCENTAGES / 100, method="inverted_cdf")
    table = pd.DataFrame({"percent": PERCENTAGES, "norm": np.where(np.isfinite(found), found, np.nan)})
    return table.assign(experiment=store.record["experiment"], images=len(norms))


def twins_panels(numbers: pd.DataFrame, spectra: pd.DataFrame, norms: pd.DataFrame, legend: Legend) -> Figure:
    """Draw a column per original, with the lines of its twins over its own."""
    names, bases = list(numbers["of"].unique()), list(numbers["basis"].unique())
    figure, columns = panels(names, [1, 1, 1, 1])
    for name, axes in zip(names, columns, strict=True):
        mine = numbers[(numbers["of"] == name) & (numbers["rank"] > 0)]  # 0 has no place on a logarithmic axis
        # The original first.
        experiments = sorted(mine["experiment"].unique(), key=lambda one: one != name)
        colours = dict(zip(experiments, itertools.cycle(COLOURS), strict=False))
        for experiment, colour in colours.items():
            own = {"color": colour, "label": experiment}
            for basis, style in zip(bases, STYLES, strict=False):
                line = mine[(mine["experiment"] == experiment) & (mine["basis"] == basis)]
                look = {"color": colour, "linestyle": style, "band": 0.12, "scale": 100}
                plot_over_repetitions(axes[0], line, "rank", "accuracy", ("ci_low", "ci_high"), **look)
                plot_over_repetitions(axes[1], line, "fraction", "accuracy", **look)
            for ax, table, across, up in ((axes[2], spectra, "index", "value"), (axes[3], norms, "norm", "percent")):
                rows = table[(table["experiment"] == experiment) & (table["of"] == name)]
                if len(rows):
                    plot_over_repetitions(ax, rows, across, up, **own)
        label_axes(axes, mine)
        handles = [Line2D([], [], color=colour, label=experiment) for experiment, colour in colours.items()]
        axes[3].legend(handles=handles, loc="lower right", fontsize=6)
        handles = [
            Line2D([], [], color="#888888", linestyle=style, label=basis_name(basis, legend))
            for basis, style in zip(bases, STYLES, strict=False)
        ]
        axes[2].legend(handles=handles, loc="lower left", fontsize=6)  # spectra fall: no line is there
    return figure


def label_axes(axes: Sequence[Axes], table: pd.DataFrame) -> None:
    """Label the four panels of one original."""
    ranks = table["rank"].min(), table["rank"].max()
    axes[0].set(xlabel="number of directions", ylabel="accuracy (%)", ylim=(0, 101), xscale="log", xlim=ranks)
    axes[1].set(xlabel="fraction of DeepFool's norm inside", ylabel="accuracy (%)", ylim=(0, 101), xlim=(0, 1))
    axes[2].set(xlabel="direction, most curved first", ylabel="|mean curvature|\n(logits / pixel²)")
    axes[2].set(xscale="log", yscale="log", xlim=(1, None))
    plain_decades(axes[2])
    for ax in (axes[0], axes[2]):
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
    axes[3].set(xlabel="L2 norm (pixels in [0, 1])", ylabel="fooled by DeepFool (%)", ylim=(0, 101))
    axes[3].set_xlim(left=0)
