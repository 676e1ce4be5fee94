"""Sentences of the captions that quote numbers of a table."""

import re
from pathlib import Path

import pandas as pd

from friendlyfire.networks.description import sub_network
from friendlyfire.records.intervals import FEWEST

#: Name in captions of the images of a role.
ROLES = {"training": "training images (in-sample)", "measured": "measured images", "held-out": "held-out images"}


def filled(text: str, networks: pd.DataFrame, thin: bool = True, **words: str) -> str:
    """Fill the braces of a caption with words, and append a sentence about the networks.

    Args:
        text: the declared caption.
        networks: columns experiment, architecture, accuracy, images, logits, classes.
        thin: whether thin lines stand for single repetitions.
        words: replacements of the braces.
    """
    return f"{text.format(**words).rstrip()} {network_accuracies(networks, thin)}\n"


def write_caption(path: str, text: str) -> None:
    """Write a caption for the report, where it is plain text whatever the names in it are.

    The report reads reStructuredText. What begins its inline markup is escaped; its blocks need lines of their own, so
    the caption has one line.
    """
    line = re.sub(r"[\\*`|]|_(?![A-Za-z0-9])", r"\\\g<0>", " ".join(text.split()))
    Path(path).write_text(f"{line}\n", encoding="utf-8")


def image_counts(table: pd.DataFrame) -> str:
    """State the number of images of each role behind the numbers, for each experiment.

    Args:
        table: columns experiment, role, images.
    """
    counts = table.groupby(["experiment", "role"], sort=False)["images"].max()
    return "; ".join(
        f"{experiment}: " + " and ".join(f"{n:,} {ROLES[role]}" for (_, role), n in part.items())
        for experiment, part in counts.groupby(level=0, sort=False)
    )


def fooling_rates(table: pd.DataFrame) -> str:
    """State the fooling rate of each judged attack on held-out images, for each experiment: means over repetitions."""
    rates = table.dropna(subset="fooling").groupby(["experiment", "attack"], sort=False)[["fooling", "images"]].mean()
    return "; ".join(
        f"{experiment}: "
        + ", ".join(f"{attack} {rate.fooling:.0%}" for (_, attack), rate in part.iterrows())
        + f" of {part['images'].iloc[0]:,.0f}"
        for experiment, part in rates.groupby(level=0, sort=False)
    )


def without_intervals(table: pd.DataFrame) -> str:
    """Return a sentence about the attacks with too few perturbations for a band; empty if there are none.

    Args:
        table: columns experiment, attack, perturbations.
    """
    counts = table.groupby(["experiment", "attack"], sort=False)["perturbations"].max()
    few = "; ".join(f"{experiment}: {n:,} by {attack}" for (experiment, attack), n in counts[counts < FEWEST].items())
    return (
        f"Points without bands have fewer than {FEWEST} perturbations, too few for an interval ({few})." if few else ""
    )


def network_accuracies(table: pd.DataFrame, thin: bool = True) -> str:
    """Return one sentence about the networks: their architectures and accuracies, over repetitions if there are any.

    Args:
        table: columns experiment, architecture, accuracy, images, logits and classes, a row per repetition.
        thin: whether thin lines stand for single repetitions.
    """
    parts = []
    for experiment, rows in table.groupby("experiment", sort=False):
        first, accuracy = rows.iloc[0], 100 * rows["accuracy"]
        reached = f"{accuracy.min():.1f} to {accuracy.max():.1f}" if len(rows) > 1 else f"{accuracy.iloc[0]:.1f}"
        parts.append(
            f"{experiment}: {first.architecture}, {reached} % of {first.images:,} measured images"
            f"{sub_network(first.logits, first.classes)}" + (f" in {len(rows)} repetitions" if len(rows) > 1 else "")
        )
    repeated = thin and table["experiment"].duplicated().any()
    lines = " Thick lines are means over repetitions, with 95 % intervals; thin lines are single repetitions."
    return f"Networks: {'; '.join(parts)}.{lines if repeated else ''}"


def curvature_quality(table: pd.DataFrame) -> str:
    """State the quality of the curvatures, for each experiment: medians over the classes, with their ranges."""
    return " ".join(_quality(part) for _, part in table.groupby("experiment", sort=False))


#: Name in captions of the class whose score is subtracted in the margin.
SOURCES = {"clean": "clean image's class", "rival": "strongest other class there"}


def _quality(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    step = {
        "differences": f"central differences of step {first['step']:.3g}",
        "one-sided": f"one-sided differences of step {first['step']:.3g}",
        "exact": "automatic differentiation",
    }[first["hessian"]]
    probed = f", probed along {first['probes']}" if first["solver"] == "dense" else ""
    success = table["boundary_converged"].sum() / (table["images"] - table["boundary_already_there"]).sum()
    against, margin = table["against_source"].median(), table["margin"].median()
    return (
        f"{first['experiment']}: mean Hessians of {spread(table['points'], '.0f')} boundary points per class "
        f"(targeted DeepFool reached {success:.1%}; {against:.0%} of the points lie on the boundary with the "
        f"{SOURCES[first['source']]}, the median margin left is {margin:.1%} of the clean one), by {step}, "
        f"{first['solver']}{probed}; "
        f"asymmetry {spread(table['asymmetry'])}, "
        f"residual of the {first['leading']} leading directions {spread(table['residual'])}, "
        f"overlap of their span between two halves of the sample {spread(table['overlap'])}: medians over the classes, "
        "with their ranges."
    )


def spread(column: pd.Series, form: str = ".2g") -> str:
    """Format the median of a column and its range."""
    return f"{column.median():{form}} ({column.min():{form}} to {column.max():{form}})"


def shares(table: pd.DataFrame, forms: pd.DataFrame) -> str:
    """State the effect of the directions at the ends of their range, and the form of the curves, per experiment."""
    return " ".join(
        _shares(name, part, forms[forms["experiment"] == name])
        for name, part in table.groupby("experiment", sort=False)
    )


def _shares(name: str, table: pd.DataFrame, forms: pd.DataFrame) -> str:
    ends = table[table["s_relative"].abs() > 1 - 1e-6].groupby(["seed", "class"])
    carried, stays = (found.groupby("class").mean() for found in (ends["carried"].max(), ends["stays"].min()))
    images = table["carried_images"].iloc[0] + table["stays_images"].iloc[0]
    return (
        f"{name}: at the end of the range with the larger effect, a fraction {spread(carried)} of the "
        f"other images is carried into the class, and {spread(stays)} of the class's own images stay; "
        f"symmetry about the best centre {spread(forms['symmetry'])} (noise: {forms['symmetry_floor'].median():.2g}), "
        f"monotonicity on each side {spread(forms['monotonicity'])} "
        f"(noise: {forms['monotonicity_floor'].median():.2g}), "
        f"additive separability {spread(forms['separability'])} (noise: {forms['separability_floor'].median():.2g}), "
        f"interaction relative to the direction's effect {spread(forms['interaction'])} (noise: 1): medians over "
        f"{forms['class'].nunique()} classes, with their ranges, of {images:,} measured images."
    )
