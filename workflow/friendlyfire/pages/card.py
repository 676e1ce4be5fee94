"""The card of a network: what was measured, in plain words that quote its numbers, on one page."""

import base64
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from friendlyfire import figures
from friendlyfire.claims.verdicts import FEWEST_POINTS, SMALLEST_OVERLAP, UNTRUSTED
from friendlyfire.declarations import Kind
from friendlyfire.figures.panels import basis_name
from friendlyfire.figures.redrawn import redrawn
from friendlyfire.figures.shown import Legend
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


def card(
    experiment: str,
    datasets: Mapping[str, str],
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
        networks.append(described(name, datasets[name], mine, legend, attacks, claims))
    return TEMPLATES.get_template("card.html").render(networks=networks)


def of(table: pd.DataFrame | None, experiment: str) -> pd.DataFrame:
    """Return the rows of an experiment; an empty table if there are none."""
    return pd.DataFrame() if table is None else table[table["experiment"] == experiment]


def described(
    name: str,
    images: str,
    tables: Mapping[str, pd.DataFrame],
    legend: Legend,
    attacks: Mapping[str, str],
    claims: Mapping[str, Kind],
) -> Network:
    """Describe one network from its tables."""
    network, quality = tables["network"], tables["quality"]
    first = network.iloc[0]
    accuracy = Accuracy(tables)
    facts = [
        ("network", f"{first['architecture']}, weights {first['weights']}"),
        ("preprocessing of pixels in [0, 1]", first["preprocessing"]),
        ("images", f"{images}; {first['images']:,} of them measured"),
        (
            "classes",
            f"{first['classes']:,}"
            + (f" of {first['logits']:,} logits" if first["logits"] != first["classes"] else ""),
        ),
        ("accuracy", percent(network["accuracy"].mean(), network["ci_low"].mean(), network["ci_high"].mean())),
        *attack_facts(tables["transfer"]),
    ]
    if len(network) > 1:
        facts.append(("repetitions", f"{len(network)}, means over them"))
    doubts = doubts_of(first, accuracy, quality, tables["verdicts"])
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
        ("How few directions curve?", "spectrum", {"numbers": "spectra"}, spectrum),
    ):
        shown = {argument: tables[word] for argument, word in words.items()}
        if all(len(table) for table in shown.values()):
            source = svg(lambda: redrawn(figure, only_deepfool(shown), None, legend, attacks))  # noqa: B023 (drawn at once)
            found.pictures.append(Picture(title, source, sentence(tables, legend)))
    for row in tables["verdicts"].fillna({"part": "", "reason": ""}).to_dict("records"):
        part = f" ({attacks.get(row['part'], row['part'])})" if row["part"] else ""
        told = UNTRUSTED if accuracy.at_chance else row["verdict"]
        words = {"statement": row["statement"].rstrip(".") + part, "measure": claims[row["claim"]]["estimate"]}
        found.verdicts.append({**row, **words, "verdict": told})
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


def attack_facts(transfer: pd.DataFrame) -> list[tuple[str, str]]:
    """State how small DeepFool's perturbations are beside the images, and whether they fool."""
    rows = (
        transfer[(transfer["side"] == transfer["side"].max()) & (transfer["factor"] == 1)]
        if len(transfer)
        else transfer
    )
    if not len(rows):
        return []
    ratio = (rows["perturbation_norm"] / rows["image_norm"]).mean()
    return [
        (
            "fooled by DeepFool",
            percent(rows["fooling"].mean(), rows["fooling_ci_low"].mean(), rows["fooling_ci_high"].mean()),
        ),
        ("size of its perturbations", f"{100 * ratio:.2g} % of an image (mean norms, the mean image subtracted)"),
    ]


class Accuracy:
    """Accuracies of one network on projected measured images."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]):
        parts = [tables[word] for word in ("accuracy", "ranks") if len(tables[word])]
        rows = pd.concat(parts) if parts else pd.DataFrame(columns=["basis", "split", "rank", "accuracy"])
        rows = rows[rows["split"] == "test"]
        #: Mean over repetitions, by basis and rank.
        self.lines: pd.Series = rows.groupby(["basis", "rank"])["accuracy"].mean().sort_index()
        self.full: float = float(tables["network"]["accuracy"].mean())
        classes = int(tables["network"]["classes"].iloc[0])
        constant = self.lines.xs(0, level="rank").max() if (self.lines.index.get_level_values("rank") == 0).any() else 0
        #: Of a constant guess: that of the mean image, at least one of the number of classes.
        self.chance: float = max(float(constant), 1 / classes)
        self.at_chance: bool = bool(tables["network"]["ci_low"].mean() <= self.chance)

    @property
    def pixels(self) -> int:
        """The largest rank that was measured."""
        return int(self.lines.index.get_level_values("rank").max())

    def restored(self, basis: str) -> int | None:
        """Return the least rank at which a basis restores most of the accuracy; None if it does not."""
        if basis not in self.lines.index.get_level_values(0):
            return None
        line = self.lines[basis]
        reached = line[line >= RESTORED * self.full]
        return int(reached.index[0]) if len(reached) else None

    def at(self, basis: str, rank: int) -> tuple[int, float] | None:
        """Return the largest measured rank of a basis up to ``rank``, and the accuracy there."""
        if basis not in self.lines.index.get_level_values(0):
            return None
        line = self.lines[basis]
        line = line[line.index <= rank]
        return (int(line.index[-1]), float(line.iloc[-1])) if len(line) else None

    def summary(self, legend: Legend) -> str:
        """Say in one sentence how far it classifies with the directions along which it is fooled."""
        if self.at_chance:
            return (
                f"This network is no better than a constant guess ({percent(self.full)} against "
                f"{percent(self.chance)}), so nothing below says how it classifies."
            )
        high, low = self.restored("deepfool-high"), None
        if high is None:
            return (
                "The directions along which it is fooled were too few here to restore "
                f"{100 * RESTORED:.0f} % of its accuracy of {percent(self.full)}."
            )
        low = self.at("deepfool-low", high)
        against = f"; as many of those along which it is fooled least leave {percent(low[1])}" if low else ""
        return (
            f"The {high:,} directions along which it is fooled most (of {self.pixels:,}) restore "
            f"{100 * RESTORED:.0f} % of its accuracy of {percent(self.full)}{against}."
        )

    def _restore(self, bases: Sequence[str], legend: Legend) -> str:
        found = [(basis, self.restored(basis)) for basis in bases if basis in self.lines.index.get_level_values(0)]
        reached = [f"{basis_name(basis, legend)}: {rank:,}" for basis, rank in found if rank is not None]
        never = [basis_name(basis, legend) for basis, rank in found if rank is None]
        words = (
            f"Directions of all classes together that restore {100 * RESTORED:.0f} % of its accuracy, of "
            f"{self.pixels:,}: {'; '.join(reached)}."
            if reached
            else ""
        )
        return words + (f" Not restored at any measured rank: {'; '.join(never)}." if never else "")

    def along_curvature(self, tables: Mapping[str, pd.DataFrame], legend: Legend) -> str:
        """Say how many directions of each curvature restore the accuracy."""
        return self._restore(list(tables["accuracy"]["basis"].unique()), legend)

    def along_attacks(self, tables: Mapping[str, pd.DataFrame], legend: Legend) -> str:
        """Say how many directions of attack restore the accuracy."""
        return self._restore(list(tables["ranks"]["basis"].unique()), legend)


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


def spectrum(tables: Mapping[str, pd.DataFrame], legend: Legend) -> str:
    """Say how many directions curve noticeably."""
    rows = tables["spectra"].query("spectrum == 'curvature'")
    if not len(rows):
        return "Singular values of the perturbations and of the images, as fractions of the largest."
    sizes = rows.assign(size=rows["value"].abs()).groupby(["seed", "class"])["size"]
    curved = sizes.apply(lambda values: int((values > CURVED * values.max()).sum()))
    return (
        f"In the median over the classes, {curved.median():.0f} of {sizes.size().median():,.0f} measured directions "
        f"curve more than {100 * CURVED:.0f} % of the most curved one."
    )


def doubts_of(network: pd.Series, accuracy: Accuracy, quality: pd.DataFrame, verdicts: pd.DataFrame) -> list[str]:
    """List what is not to be trusted, and what to raise."""
    found = []
    if accuracy.at_chance:
        found.append("The network is at chance: check its weights, its normalisation, and the order of its classes.")
    if len(quality):
        points, overlap = quality["points"].median(), quality["overlap"].median()
        if points < FEWEST_POINTS:
            found.append(f"The curvature rests on {points:.0f} points per class (median): raise boundary.images.")
        elif not overlap >= SMALLEST_OVERLAP:
            found.append(
                "The directions of curvature are not determined: those of two halves of the sample overlap by "
                f"{overlap:.2f} (1 if they agree): raise boundary.images."
            )
        elif overlap < 0.5:
            found.append(
                f"Single directions of curvature are of this sample: two halves of it overlap by {overlap:.2f} (1 if "
                "they agree). Spans of many are better determined. More boundary.images help."
            )
    if network["images"] < 300:
        found.append(f"Accuracies rest on {network['images']:,} images: mind the intervals, or add images.")
    if len(verdicts):
        said = [reason for reason in verdicts["reason"].dropna() if not reason.endswith("raise boundary.images")]
        found += [
            f"Not to be trusted below, {count} claim{'s' if count > 1 else ''}: {reason}."
            for reason, count in Counter(filter(None, said)).items()
        ]
    return found
