"""The card of a network: what was measured, in plain words that quote its numbers, on one page."""

import base64
import io
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from friendlyfire import figures
from friendlyfire.claims.verdicts import FAILS, FEWEST_POINTS, HOLDS, UNDECIDED, UNTRUSTED, undetermined
from friendlyfire.declarations import Kind
from friendlyfire.figures.panels import basis_name
from friendlyfire.figures.redrawn import redrawn
from friendlyfire.figures.shown import Legend
from friendlyfire.measures.ranks import crossing
from friendlyfire.pages.templates import TEMPLATES
from friendlyfire.records.seeds import repetition_of

PAGES = {
    "card": {
        "make": "card",
        "title": "Card",
        "section": "Card",
        "folder": "cards",
        "beside": ["compare"],
        "reads": {
            "network": "{experiment}/network.csv",
            "quality": "{experiment}/quality.csv",
            "transfer": "{experiment}/resampling/transfer.csv",
            "accuracy": "figures/fig3.csv",
            "fractions": "figures/fig3-fractions.csv",
            "ranks": "figures/fig4.csv",
            "coupling": "figures/coupling.csv",
            "distances": "figures/coupling-distances.csv",
            "spectra": "figures/spectrum.csv",
            "verdicts": "figures/scorecard.csv",
        },
        "options": {
            "compare": {
                "default": [],
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string"},
                "description": "experiments of the suite that are shown beside this one on its card",
            },
        },
    },
}

STYLE = Path(figures.__path__[0]) / "style.mplstyle"

#: Fraction of the plain accuracy at which a number of directions is said to restore it.
RESTORED = 0.9

#: Fraction of the strongest curvature above which a direction counts as curved.
CURVED = 0.1

#: Bases that do not depend on the network, in the order of the summary.
CONTROLS = ("pca", "dct", "random")

#: Ends of the reasons for which the curvature is not trusted.
FEW_POINTS = "raise boundary.images"

#: Images below which intervals of accuracies are wide: 5.6 points at 300.
FEW_IMAGES = 300


@dataclass
class Picture:
    """A figure with the sentence that says what it shows of this network."""

    title: str
    source: str  #: SVG as a data URL
    sentence: str


@dataclass
class Network:
    """One network on the card."""

    name: str
    facts: list[tuple[str, str]]
    summary: str
    pictures: list[Picture] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def tally(self) -> str:
        """How many claims have each verdict, in one sentence."""
        counts = Counter(row["verdict"] for row in self.verdicts)
        told = [f"{counts[verdict]} {verdict}" for verdict in (HOLDS, FAILS, UNDECIDED, UNTRUSTED) if counts[verdict]]
        return f"Of {len(self.verdicts)} claims: {', '.join(told)}."


def card(
    experiment: str,
    datasets: Mapping[str, str],
    shapes: Mapping[str, tuple[int, int, int]],
    options: Mapping[str, Any],
    legend: Legend,
    attacks: Mapping[str, str],
    claims: Mapping[str, Kind],
    tables: Mapping[str, pd.DataFrame | None],
) -> str:
    """Return the card of an experiment's network, with those that it is compared with beside it.

    Args:
        experiment: its name.
        datasets: what the images of each experiment are.
        shapes: (channels, height, width) of these images.
        options: ``compare``, the names of other experiments.
        legend: label and colour of each basis.
        attacks: label of each attack.
        claims: their declarations.
        tables: those in ``reads`` of the declaration, None where a figure does not show the experiments.
    """
    names = [repetition_of(experiment)[0], *options["compare"]]
    networks = []
    for name in names:
        mine = {word: of(table, name) for word, table in tables.items()}
        networks.append(described(name, datasets[name], shapes[name], mine, legend, attacks, claims))
    return TEMPLATES.get_template("card.html").render(networks=networks)


def of(table: pd.DataFrame | None, experiment: str) -> pd.DataFrame:
    """Return the rows of an experiment; an empty table if there are none."""
    return pd.DataFrame() if table is None else table[table["experiment"] == experiment]


def described(
    name: str,
    images: str,
    shape: tuple[int, int, int],
    tables: Mapping[str, pd.DataFrame],
    legend: Legend,
    attacks: Mapping[str, str],
    claims: Mapping[str, Kind],
) -> Network:
    """Describe one network from its tables."""
    network, quality = tables["network"], tables["quality"]
    first = network.iloc[0]
    accuracy = Accuracy(tables, math.prod(shape))
    facts = [
        ("network", f"{first['architecture']}, weights {first['weights']}"),
        ("preprocessing of pixels in [0, 1]", first["preprocessing"]),
        ("images", f"{images}; accuracy of {first['images']:,}, on subspaces of {accuracy.images:,}"),
        (
            "classes",
            f"{first['classes']:,}"
            + (f" of {first['logits']:,} logits" if first["logits"] != first["classes"] else ""),
        ),
        ("accuracy", percent(network["accuracy"].mean(), network["ci_low"].mean(), network["ci_high"].mean())),
        *attack_facts(tables["transfer"], shape[1]),
    ]
    if len(network) > 1:
        facts.append(("repetitions", f"{len(network)}, means over them"))
    doubts = doubts_of(accuracy, quality, tables["verdicts"])
    caveat = "Not to be trusted, see above. " if len(quality) and undetermined(quality) else ""
    found = Network(name, facts, accuracy.summary(legend), doubts=doubts)
    for title, figure, words, sentence in (
        (
            "Accuracy in subspaces of curvature",
            "fig3",
            {"numbers": "accuracy", "fractions": "fractions"},
            accuracy.along_curvature,
        ),
        ("Accuracy in subspaces of attack", "fig4", {"numbers": "ranks"}, accuracy.along_attacks),
        ("Are accuracy and vulnerability one?", "coupling", {"numbers": "coupling", "distances": "distances"}, coupled),
        ("How few directions curve?", "spectrum", {"numbers": "spectra"}, partial(spectrum, accuracy.pixels)),
    ):
        shown = {argument: tables[word] for argument, word in words.items()}
        if all(len(table) for table in shown.values()):
            source = svg(lambda: redrawn(figure, only_deepfool(shown), None, legend, attacks))  # noqa: B023 (drawn at once)
            warning = caveat if figure in ("fig3", "spectrum") else ""
            found.pictures.append(Picture(title, source, warning + sentence(tables, legend)))
    for row in tables["verdicts"].fillna({"part": "", "reason": ""}).to_dict("records"):
        part = f" ({attacks.get(row['part'], row['part'])})" if row["part"] else ""
        words = {"statement": row["statement"].rstrip(".") + part, "measure": claims[row["claim"]]["estimate"]}
        found.verdicts.append({**row, **words})
    return found


def only_deepfool(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables of a figure with the fractions of DeepFool alone, for a small picture."""
    return {
        name: table[table["attack"] == "deepfool"] if name == "fractions" else table for name, table in tables.items()
    }


def svg(figure_of: Callable[[], Figure]) -> str:
    """Draw a figure as an SVG in a data URL."""
    plt.switch_backend("agg")
    with plt.style.context(STYLE), plt.rc_context({"svg.fonttype": "path"}), io.BytesIO() as drawn:
        figure = figure_of()
        figure.draw_without_rendering()
        figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
        plt.close(figure)
        return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"


def percent(value: float, low: float | None = None, high: float | None = None) -> str:
    """Spell a fraction in percent, with the 95 % interval if it is given."""
    interval = "" if low is None else f" (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
    return f"{100 * value:.1f} %{interval}"


def attack_facts(transfer: pd.DataFrame, side: int) -> list[tuple[str, str]]:
    """State how small DeepFool's perturbations are beside the images, and whether they fool, without a unit."""
    rows = transfer[(transfer["side"] == side) & (transfer["factor"] == 1)] if len(transfer) else transfer
    if not len(rows):
        return []
    ratio = (rows["perturbation_norm"] / rows["image_norm"]).mean()
    fooled = percent(rows["fooling"].mean(), rows["fooling_ci_low"].mean(), rows["fooling_ci_high"].mean())
    return [
        ("fooled by DeepFool", f"{fooled} of {rows['images'].min():,} images"),
        ("size of its perturbations", f"{100 * ratio:.2g} % of an image (mean norms, the mean image subtracted)"),
    ]


class Accuracy:
    """Accuracies of one network on projected measured images.

    Args:
        tables: of the card.
        pixels: d.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame], pixels: int):
        parts = [tables[word] for word in ("accuracy", "ranks") if len(tables[word])]
        columns = ["basis", "seed", "split", "rank", "accuracy", "full_accuracy", "images"]
        rows = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
        rows = rows[rows["split"] == "test"]
        #: Accuracies on subspaces and on the same images as they are, by rank: a table per repetition, for each basis.
        self.lines: dict[str, list[pd.DataFrame]] = {
            basis: [
                line.groupby("rank")[["accuracy", "full_accuracy"]].first().sort_index()
                for _, line in part.groupby("seed")
            ]
            for basis, part in rows.groupby("basis")
        }
        network = tables["network"]
        self.pixels: int = pixels
        self.images: int = int(rows["images"].min()) if len(rows) else 0
        #: Of the images that are projected.
        self.full: float = float((rows["full_accuracy"] if len(rows) else network["accuracy"]).mean())
        #: Of a constant guess.
        self.chance: float = float(network["majority"].mean())
        self.at_chance: bool = bool(network["ci_low"].mean() <= self.chance)
        curved = tables["quality"]["class"].nunique() if len(tables["quality"]) else 0
        self.classes: tuple[int, int] = (curved, int(network["classes"].iloc[0]))

    def restored(self, basis: str) -> int | None:
        """Return the least rank at which a basis restores most of the accuracy; None if it does not.

        Between the measured ranks it is interpolated, as for the claims. With repetitions: the mean of their ranks,
        None if one of them has none.
        """
        reached = []
        for line in self.lines.get(basis, []):
            above = line[line.index > 0]
            levels = np.array([RESTORED * above["full_accuracy"].iloc[0]])
            reached.append(crossing(above.index.to_numpy(), above["accuracy"].to_numpy()[None], levels)[0])
        return math.ceil(np.mean(reached) - 1e-9) if reached and np.isfinite(reached).all() else None

    def spanned(self, basis: str) -> int:
        """Return the number of directions of a basis."""
        return min(int(line.index[-1]) for line in self.lines[basis])

    def summary(self, legend: Legend) -> str:
        """Say in one sentence how far it classifies with the directions along which it is fooled."""
        if self.at_chance:
            return (
                f"This network is no better than a constant guess ({percent(self.full)} against "
                f"{percent(self.chance)}), so nothing below says how it classifies."
            )
        if "deepfool-high" not in self.lines:
            return (
                f"It classifies {percent(self.full)} of the images. Its accuracy on the directions along which it is "
                "fooled was not measured: name deepfool-high in figures.fig4."
            )
        high, spanned = self.restored("deepfool-high"), self.spanned("deepfool-high")
        if high is None:
            return (
                f"The {spanned:,} directions along which it is fooled here, of {self.pixels:,}, do not restore "
                f"{100 * RESTORED:.0f} % of its accuracy of {percent(self.full)}."
            )
        against = ""
        if spanned == self.pixels and "deepfool-low" in self.lines:
            left = [np.interp(high, line.index, line["accuracy"]) for line in self.lines["deepfool-low"]]
            against = f"; as many of those along which it is fooled least leave {percent(sum(left) / len(left))}"
        controls = [
            f"{basis_name(basis, legend)} {'never' if rank is None else f'{rank:,}'}"
            for basis in CONTROLS
            if basis in self.lines
            for rank in [self.restored(basis)]
        ]
        without = f" Directions that do not depend on the network need: {', '.join(controls)}." if controls else ""
        return (
            f"The {high:,} directions along which it is fooled most (of {self.pixels:,}) restore "
            f"{100 * RESTORED:.0f} % of its accuracy of {percent(self.full)}{against}.{without}"
        )

    def _restore(self, whose: str, bases: Sequence[str], legend: Legend) -> str:
        found = {basis: self.restored(basis) for basis in bases}
        reached = [f"{basis_name(basis, legend)}: {rank:,}" for basis, rank in found.items() if rank is not None]
        never = [basis_name(basis, legend) for basis, rank in found.items() if rank is None]
        words = (
            f"{whose} that restore {100 * RESTORED:.0f} % of its accuracy, of {self.pixels:,}: {'; '.join(reached)}."
            if reached
            else ""
        )
        return words + (f" Not restored at any measured rank: {'; '.join(never)}." if never else "")

    def along_curvature(self, tables: Mapping[str, pd.DataFrame], legend: Legend) -> str:
        """Say how many directions of each curvature restore the accuracy."""
        curved, classes = self.classes
        some = f" Those of curvature are of {curved} of the {classes:,} classes." if curved < classes else ""
        whose = "The picture counts directions of each class. Directions of all classes together"
        return self._restore(whose, list(tables["accuracy"]["basis"].unique()), legend) + some

    def along_attacks(self, tables: Mapping[str, pd.DataFrame], legend: Legend) -> str:
        """Say how many directions of attack restore the accuracy."""
        return self._restore("Directions", list(tables["ranks"]["basis"].unique()), legend)


def coupled(tables: Mapping[str, pd.DataFrame], legend: Legend) -> str:
    """Say how far the bases lie from DeepFool's own line."""
    gaps = tables["distances"].groupby("basis", sort=False)[["gap", "gap_ci_low", "gap_ci_high"]].mean().mul(100)
    farthest = gaps.loc[gaps["gap"].abs().idxmax()]
    name = basis_name(str(farthest.name), legend)
    return (
        "If they were one, all lines would coincide: equal accuracy at an equal share of the attack inside. The "
        f"farthest from DeepFool's own directions: {name}, {farthest['gap']:+.1f} points "
        f"({farthest['gap_ci_low']:+.1f} to {farthest['gap_ci_high']:+.1f})."
    )


def spectrum(pixels: int, tables: Mapping[str, pd.DataFrame], legend: Legend) -> str:
    """Say how many directions curve noticeably, and how many DeepFool's perturbations span."""
    spectra = tables["spectra"]
    spans = spectra[spectra["spectrum"] == "deepfool"].groupby("seed").size()
    spanned = f"DeepFool's perturbations span {spans.min():,} of {pixels:,} directions." if len(spans) else ""
    rows = spectra[spectra["spectrum"] == "curvature"]
    if not len(rows):
        return f"Singular values of the perturbations and of the images, as fractions of the largest. {spanned}"
    sizes = rows.assign(size=rows["value"].abs()).groupby(["seed", "class"])["size"]
    curved = sizes.apply(lambda values: int((values > CURVED * values.max()).sum()))
    return (
        f"In the median over the classes, {curved.median():.0f} of {sizes.size().median():,.0f} measured directions "
        f"curve more than {100 * CURVED:.0f} % of the most curved one. {spanned}"
    )


def doubts_of(accuracy: Accuracy, quality: pd.DataFrame, verdicts: pd.DataFrame) -> list[str]:
    """List what is not to be trusted, and what to raise."""
    found = []
    if accuracy.at_chance:
        found.append("The network is at chance: check its weights, its normalisation, and the order of its classes.")
    untrusted = verdicts[verdicts["verdict"] == UNTRUSTED] if len(verdicts) else pd.DataFrame({"reason": []})
    reasons, total = Counter(untrusted["reason"]), len(verdicts)
    if len(quality):
        points, overlap = quality["points"].median(), quality["overlap"].median()
        if undetermined(quality):
            named = [reason for reason in reasons if reason.endswith(FEW_POINTS)]
            count = sum(reasons.pop(reason) for reason in named)
            judged = f" Not judged for it: {count} of {total} claims." if count else ""
            found.append(
                f"The curvature rests on {points:.0f} points per class (median): raise boundary.images.{judged}"
                if points < FEWEST_POINTS
                else "The directions of curvature are not determined: those of two halves of the sample overlap by "
                f"{overlap:.2f} (1 if they agree): raise boundary.images.{judged}"
            )
        elif overlap < 0.5:
            found.append(
                f"Single directions of curvature are of this sample: two halves of it overlap by {overlap:.2f} (1 if "
                "they agree). Spans of many are better determined. More boundary.images help."
            )
    if accuracy.images < FEW_IMAGES:
        found.append(f"Accuracies on subspaces rest on {accuracy.images:,} images: mind the intervals, or add images.")
    return found + [f"Not judged, {count} of {total} claims: {reason}." for reason, count in reasons.items()]
