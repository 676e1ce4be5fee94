"""The evidence: published tables of some suites, and the pictures and texts that are made of them.

``python -m docs.evidence add results`` takes over what a run of a suite, or of some of its repetitions, has written.
``python -m docs.evidence`` draws the pictures, and fills in the marked blocks of the pages.

docs/evidence/<experiment>/ holds the tables that figures are drawn from, with all repetitions, rounded to five digits.
Repetitions are taken over one by one, so that they need not be of one run.
"""

import argparse
import functools
import hashlib
import json
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from benchmarks.harness import machines_of, table_of
from matplotlib import rc_params_from_file
from matplotlib.figure import Figure

from friendlyfire.declarations import called, declared
from friendlyfire.figures import file_of
from friendlyfire.figures.panels import first_repetition, save
from friendlyfire.figures.redrawn import redrawn
from friendlyfire.figures.scorecard import spelled
from friendlyfire.figures.shown import Strip, labels_of, read_pictures, write_pictures
from friendlyfire.measures.coupling import REFERENCE, Means, difference
from friendlyfire.measures.ranks import crossing
from friendlyfire.measures.transfer import LEVEL
from friendlyfire.records.seeds import derive_seed, repetition_of
from friendlyfire.records.stores import create_store, open_store
from friendlyfire.records.tables import read_table, with_seeds

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "docs" / "evidence"
STYLE = ROOT / "workflow" / "friendlyfire" / "figures" / "style.mplstyle"

#: Dots per inch of the pictures: fewer than a run's, since a column per pair makes them wide.
DPI = 160

#: Figures of other explanations, of which the suite ``rivals`` shows the tables.
RIVALS = ["margins", "manifold", "frequency", "transfer"]

#: Figures of which tables are kept, by suite; the scorecard is made of the claims.
FIGURES = {
    "evidence": [n for n in declared("figures") if n not in {*RIVALS, "comparison", "twins", "scorecard"}],
    "evidence-imagenet": ["fig5", "spectrum"],
    "twins": ["twins"],
    "rivals": [*RIVALS, "twins", "fig4"],
}

#: Tables beside those of the figures: where they lie in the folder of an experiment, and in the results.
TABLES = {
    "network": "results/{repetition}/network.csv",
    "quality": "results/{repetition}/quality.csv",
    "claims": "results/{repetition}/claims.csv",
    "table1": "results/{repetition}/resampling/transfer.csv",
    "attacks": "results/{repetition}/resampling/attacks.csv",
}

#: Images per line of figure 1, and points per line of the spectra (of which half at either end).
CURVES, POINTS = 30, 48

PAGES = ("README.md", *(f"docs/explanation/{name}.md" for name in ("measured", "figures", "rivals", "speed")))


# ---- Taking over results ---------------------------------------------------------------------------------------------


def add(results: Path) -> None:
    """Take over the tables of each repetition that a run has figures of, and the goals of the benchmarks."""
    repetitions = sorted(path.parent.name for path in results.glob("*/claims.csv"))
    if (results / "benchmarks/goals.csv").exists():
        shutil.copy(results / "benchmarks/goals.csv", EVIDENCE / "benchmarks.csv")
    for name in dict.fromkeys(name for figures in FIGURES.values() for name in figures):
        for file in tables_of(name).values():
            path = results / "figures" / file
            if path.exists():
                check_current(path, results)
                for experiment, rows in read_table(path).groupby("experiment", sort=False):
                    if name in figures_of(experiment):
                        merge(experiment, file, shown(name, rows))
        pictures_of_figure = results / "figures" / f"{name}.zarr.zip"
        if "pictures" in declared("figures")[name] and pictures_of_figure.exists():
            check_current(pictures_of_figure, results)
            add_pictures(pictures_of_figure)
    for one in repetitions:
        experiment, number = repetition_of(one)
        for table, pattern in TABLES.items():
            path = results.parent / pattern.format(repetition=one)
            if path.exists():
                merge(experiment, f"{table}.csv", read_table(path))
        draws = EVIDENCE / experiment / f"claims-{number}.zarr.zip"
        draws.write_bytes((results / one / "claims.zarr.zip").read_bytes())
        merge(experiment, "results.csv", provenance_of(one, results))


def check_current(path: Path, results: Path) -> None:
    """Exit if a table or the pictures of a figure were made before the results that lie beside them."""
    for read_by_figure, seal in note_of(path, results)["inputs"].items():
        if note_of(results.parent / read_by_figure, results)["seal"] != seal:
            raise SystemExit(f"{path} was made of another {read_by_figure}; make its figure again")


def note_of(path: Path, results: Path) -> dict:
    """Return what is recorded of a result."""
    note = results / "provenance" / f"{path.relative_to(results)}.json"
    return json.loads(note.read_text(encoding="utf-8"))


def leads(experiment: str, seeds: pd.Series) -> bool:
    """Whether none of the repetitions in the evidence comes before these."""
    return not (table("network.csv", experiment)["seed"] < seeds.min()).any()


def tables_of(name: str) -> dict[str, str]:
    """Return the files of a figure's tables, by the names of the tables."""
    return {table: file_of(name, table) for table in declared("figures")[name]["tables"]}


def shown(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a figure's table that its picture shows, of long lines some points."""
    if name == "fig1":
        order = rows.groupby("kind", sort=False)["image"].transform(lambda images: pd.factorize(images)[0])
        return rows[order < CURVES]
    if name in ("spectrum", "twins") and "index" in rows:
        lines = [key for key in ("seed", "spectrum", "class") if key in rows]
        place = rows.groupby(lines, sort=False, dropna=False)["index"]
        low, high = place.transform("min"), place.transform("max")
        from_end = np.minimum(rows["index"] - low, high - rows["index"])
        steps = np.unique(np.geomspace(1, max(2, from_end.max() + 1), POINTS // 2).round()) - 1
        return rows[from_end.isin(steps)]
    return rows[rows["drawn"]] if "drawn" in rows else rows


def merge(experiment: str, file: str, rows: pd.DataFrame) -> None:
    """Put rows in the place of those of the same repetitions.

    Exits if repetitions have other settings than those that are there.
    """
    path = EVIDENCE / experiment / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if "weights" in rows:  # a file's folder says something of one machine
        rows = rows.assign(weights=rows["weights"].map(lambda file: Path(file).name))
    if path.exists():
        before = read(path)
        rows = pd.concat([before[~before["seed"].isin(rows["seed"])], rows])
    if "settings" in rows:
        differ = rows.groupby("result")["settings"].nunique() > 1
        if differ.any():
            raise SystemExit(
                f"{path}: repetitions of {differ.idxmax()} differ in their settings; run all with the same"
            )
    rows = rows.sort_values("seed", kind="stable")
    if file == "fig1.csv":  # shows images of one
        rows = first_repetition(rows)
    rows.drop(columns="experiment").to_csv(path, index=False, float_format="%.5g")


def read(path: Path) -> pd.DataFrame:
    """Load a table of the evidence; the experiment is the name of its folder."""
    table = read_table(path)
    table.insert(0, "experiment", path.parent.name)
    return table


def add_pictures(path: Path) -> None:
    """Take over the pictures of a figure, experiment by experiment, of the first repetition."""
    name = path.name.removesuffix(".zarr.zip")
    numbers = read_table(path.with_name(f"{name}.csv"))
    with open_store(path, "pictures") as store:
        found = read_pictures(store)
    for experiment in dict.fromkeys(key.partition("/")[0] for key in found):
        if not leads(experiment, of(numbers, experiment)["seed"]):
            continue
        mine = {key: thinned(strip) for key, strip in found.items() if key.partition("/")[0] == experiment}
        record = {"figure": name, "labels": labels_of(mine)}
        with create_store(EVIDENCE / experiment / f"{name}.zarr.zip", "pictures", record) as store:
            write_pictures(store, mine)


def thinned(strip: Strip) -> Strip:
    """Return pictures with every second pixel, third, ... of those that are larger than they are drawn."""
    step = 1 + strip.images.shape[-1] // 128
    return strip._replace(images=strip.images[..., ::step, ::step])


def settings_of(note: dict) -> str:
    """Return a digest of the settings of a result, which all repetitions have in common."""
    common = {}
    for key, value in note["settings"].items():
        experiment, dot, rest = key.partition(".")
        if key != "seed" and not key.startswith("results/"):
            common[repetition_of(experiment)[0] + dot + rest] = value
    return hashlib.sha256(json.dumps(common, sort_keys=True).encode()).hexdigest()[:16]


def provenance_of(one: str, results: Path) -> pd.DataFrame:
    """Return what made each result of a repetition, from its notes."""
    rows = []
    for path in sorted((results / "provenance" / one).rglob("*.json")):
        note = json.loads(path.read_text(encoding="utf-8"))
        columns = ("rule", "commit", "device", "threads", "began", "seconds", "cpu_seconds", "peak_gib", "seal")
        row = {
            "experiment": one,
            "result": note["result"].removeprefix(f"results/{one}/"),
            "settings": settings_of(note),
        }
        rows.append({**row, **{key: note[key] for key in columns}, "contents": note["contents"][:16]})
    return with_seeds(pd.DataFrame(rows))


# ---- Reading the evidence --------------------------------------------------------------------------------------------


@functools.cache
def suites() -> dict[str, list[str]]:
    """Return the experiments of the suites of the configuration."""
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["suites"]


def figures_of(experiment: str) -> set[str]:
    """Return the figures that show an experiment, in any of its suites."""
    return {name for suite, figures in FIGURES.items() if experiment in suites()[suite] for name in figures}


def experiments(suite: str = "evidence") -> list[str]:
    """Return the experiments of a suite that have evidence, in its order."""
    return [name for name in suites()[suite] if (EVIDENCE / name / "network.csv").exists()]


def published() -> list[str]:
    """Return the experiments that have evidence, in any suite."""
    return list(dict.fromkeys(name for suite in FIGURES for name in experiments(suite)))


def table(file: str, *names: str) -> pd.DataFrame:
    """Return a table of the given experiments, of all if none is given; empty if none has it."""
    paths = [EVIDENCE / name / file for name in names or experiments()]
    found = [read(path) for path in paths if path.exists()]
    return pd.concat(found) if found else pd.DataFrame(columns=["experiment", "seed"])


def pictures(name: str, *names: str) -> dict[str, Strip]:
    """Return the pictures of a figure."""
    found = {}
    for path in (EVIDENCE / one / f"{name}.zarr.zip" for one in names or experiments()):
        if path.exists():
            with open_store(path, "pictures") as store:
                found |= read_pictures(store)
    return found


def verdicts(*names: str) -> pd.DataFrame:
    """Judge the claims, from their estimates and bootstrap draws, as the workflow does."""
    stores = []
    paths = [path for one in names or experiments() for path in sorted((EVIDENCE / one).glob("claims-*.zarr.zip"))]
    for path in paths:
        with open_store(path, "claims") as store:
            arrays = store.keys()
            stores.append(Loaded(store.record, {array: store[array] for array in arrays}))
    given = {"rows": table("claims.csv", *names), "drawn": stores, "claims": declared("claims")}
    kind = declared("figures")["scorecard"]
    return called(kind["make"], {**given, "seed": partial(derive_seed, 0, "scorecard")}).tables["numbers"]


class Loaded(dict):
    """The arrays of a store, with its record."""

    def __init__(self, record: dict, arrays: dict[str, np.ndarray]):
        super().__init__(arrays)
        self.record = record


# ---- Pictures --------------------------------------------------------------------------------------------------------


def figure_of(name: str, *names: str) -> Figure:
    """Draw a figure of the given experiments, of all if none is given."""
    if name == "scorecard":
        return redrawn(name, {"numbers": verdicts(*names)})
    tables = {one: table(file, *names) for one, file in tables_of(name).items()}
    return redrawn(name, tables, pictures(name, *names))


def draw(folder: Path) -> None:
    """Draw every figure, a column per experiment, and write the verdicts."""
    verdicts(*published()).to_csv(folder / "scorecard.csv", index=False, float_format="%.5g")
    for name in PICTURES:
        draw_one(name, folder)


def draw_one(name: str, folder: Path) -> None:
    """Draw one picture."""
    style = {**rc_params_from_file(STYLE, use_default_template=False), "savefig.dpi": DPI}
    save(PICTURES[name], style, [str(folder / f"{name}.png")])


def in_short() -> Figure:
    """Draw figure 3 of the first experiment, of measured images and DeepFool alone."""
    name = experiments()[0]
    numbers, fractions = table("fig3.csv", name), table("fig3-fractions.csv", name)
    tables = {"numbers": numbers.query("split == 'test'"), "fractions": fractions.query("attack == 'deepfool'")}
    return redrawn("fig3", tables)


#: The pictures of the evidence; those of other suites begin with the name of the suite.
PICTURES = {
    name if suite == "evidence" else f"{suite}-{name}": partial(figure_of, name, *experiments(suite))
    for suite, figures in FIGURES.items()
    if experiments(suite)
    for name in [*figures, "scorecard"]
}
PICTURES["in-short"] = in_short


# ---- Texts -----------------------------------------------------------------------------------------------------------


def over_seeds(values: pd.Series, form: str = ".1f") -> str:
    """Format the mean over repetitions, and their range if there are several."""
    mean = f"{values.mean():{form}}"
    return mean if len(values) == 1 else f"{mean} ({values.min():{form}} to {values.max():{form}})"


def fill_in(text: str) -> str:
    """Fill in the marked blocks of a page."""
    block = re.compile(r"(<!-- evidence: (\w+)((?: [\w-]+)*) -->\n).*?(<!-- end -->)", re.DOTALL)
    return block.sub(lambda found: f"{found[1]}\n{TEXTS[found[2]](*found[3].split())}\n\n{found[4]}", text)


#: Functions of the marked blocks, by the word in the mark; words after it are their arguments.
TEXTS: dict[str, Callable[..., str]] = {}


def text(function: Callable[..., str]) -> Callable[..., str]:
    """Register a function of a marked block."""
    TEXTS[function.__name__] = function
    return function


def markdown(rows: Iterator[list[str]] | list[list[str]], header: list[str]) -> str:
    """Return a table, its first column on the left and the others on the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


#: The letters of the verdicts in tables.
SIGNS = {"holds": "holds", "fails": "**fails**", "undecided": "undecided", "not to be trusted": "not trusted"}


@text
def claims(suite: str = "evidence") -> str:
    """Every claim: the estimate with its interval, and the verdict, experiment by experiment."""
    found = verdicts(*experiments(suite))
    names = list(dict.fromkeys(found["experiment"]))
    rows = []
    for (claim, part), group in found.groupby(["claim", "part"], sort=False):
        cells = group.set_index("experiment")
        first = group.iloc[0]
        row = [f"{claim}{f', {part}' if part else ''}", f"{first['side']} {first['bound']:g}".replace("<", "\\<")]
        rows.append([*row, *(_judged(cells, name) for name in names)])
    return markdown(rows, ["claim", "bound", *names])


@text
def tally() -> str:
    """How many claims have each verdict, experiment by experiment."""
    found = verdicts()
    counts = found.groupby(["experiment", "verdict"], sort=False).size().unstack(fill_value=0)
    seeds = found.groupby("experiment")["seeds"].max()
    rows = [
        [name, f"{seeds[name]}", *(f"{row.get(verdict, 0)}" for verdict in SIGNS)] for name, row in counts.iterrows()
    ]
    return markdown(rows, ["", "repetitions", *SIGNS])


@text
def quality() -> str:
    """Accuracy, DeepFool's success, and the quality of the curvature: mean over repetitions, with their range."""
    rows = []
    for name in experiments():
        network, record, fractions = (table(f"{file}.csv", name) for file in ("network", "quality", "fig3-fractions"))
        per_seed = record.groupby("seed")
        reached = per_seed["boundary_converged"].sum() / per_seed.apply(
            lambda part: (part["images"] - part["boundary_already_there"]).sum(), include_groups=False
        )
        fooling = fractions.query("attack == 'deepfool'").groupby("seed")["fooling"].first()
        rows.append(
            [
                name,
                over_seeds(100 * network["accuracy"]),
                over_seeds(100 * fooling),
                over_seeds(100 * reached),
                f"{record['points'].median():.0f} ({record['points'].min()} to {record['points'].max()})",
                *(over_seeds(per_seed[column].median(), ".2f") for column in ("asymmetry", "residual", "overlap")),
            ]
        )
    header = ["", "accuracy, %", "fooled by DeepFool, %", "brought to boundaries, %", "points per class"]
    return markdown(rows, [*header, "asymmetry", "residual", "overlap"])


@text
def accuracy(experiment: str, *counts: str) -> str:
    """Accuracy on projected images at some numbers of directions per class, basis by basis."""
    numbers = per_class(experiment)
    legend, rows = declared("bases"), []
    for basis, lines in numbers.groupby("basis", sort=False):
        found = [100 * accuracies_at(lines, float(count)) for count in counts]
        rows.append([legend[basis]["label"], *(over_seeds(values) if len(values) else "" for values in found)])
    return markdown(rows, [f"`{experiment}`", *(f"{count} per class" for count in counts)])


def fig4_per_class(experiment: str, known: Sequence[str]) -> pd.DataFrame:
    """Return the lines of figure 4 of other bases, by directions per class."""
    numbers = table("fig4.csv", experiment).query("split == 'test'")
    classes = table("quality.csv", experiment)["class"].nunique()  # those with directions
    return numbers[~numbers["basis"].isin(known)].assign(directions_per_class=numbers["rank"] / classes)


#: Lines of the summary, and the directions per class at which each experiment is summed up.
LINES = ("curvature-positive", "curvature-flat", "deepfool-high", "deepfool-low", "pca", "random")
SUMMED_UP = {"mnist-lenet": ("5", "10", "20"), "cifar100-alexnet-half": ("25", "50", "100")}
USUAL = ("50", "100", "200")


@text
def summary() -> str:
    """Accuracy on projected images of all experiments, for some bases: means over repetitions."""
    rows = [[declared("bases")[basis]["label"]] for basis in LINES]
    header = ["accuracy in %, directions per class:"]
    for name in experiments():
        counts = SUMMED_UP.get(name, USUAL)
        header += [f"{name}: {counts[0]}", *counts[1:]]
        numbers = per_class(name)
        for row, basis in zip(rows, LINES, strict=True):
            line = numbers[numbers["basis"] == basis]
            row += [at(line, float(count)) for count in counts]
    return markdown(rows, header)


def per_class(experiment: str) -> pd.DataFrame:
    """Return the accuracies on measured images of figures 3 and 4, by directions per class."""
    numbers = table("fig3.csv", experiment).query("split == 'test'")
    return pd.concat([numbers, fig4_per_class(experiment, numbers["basis"].unique())])


def at(line: pd.DataFrame, count: float) -> str:
    """Return the mean accuracy in % at some directions per class; empty where the line ends before."""
    found = accuracies_at(line, count)
    return f"{100 * found.mean():.1f}" if len(found) else ""


def accuracies_at(line: pd.DataFrame, count: float) -> pd.Series:
    """Return the accuracy of each repetition at some directions per class, on the line between the nearest two."""
    found = []
    for _, one in line.groupby("seed"):
        one = one.sort_values("directions_per_class")
        if one["directions_per_class"].iloc[-1] >= count:
            found.append(np.interp(count, one["directions_per_class"], one["accuracy"]))
    return pd.Series(found, dtype=float)


@text
def findings() -> str:
    """The numbers behind README's findings, experiment by experiment: means over repetitions."""
    names = experiments()
    network, record = table("network.csv"), table("quality.csv")
    correlated = table("coupling-correlations.csv")
    together = correlated[correlated["directions_per_class"].isna()].groupby("experiment")["spearman"]
    apart = table("coupling-distances.csv").groupby(["experiment", "basis"])["gap"].mean().abs().groupby(level=0).max()
    through = table("attacks.csv")
    behind = through[through["side"] == through.groupby("experiment")["side"].transform(second)]
    fooled = behind.groupby(["attack", "experiment"])["fooling"].mean()
    numbers = {
        "accuracy without projection, %": (100 * network.groupby("experiment")["accuracy"].mean(), ".1f"),
        "overlap of ten leading directions between halves": (record.groupby("experiment")["overlap"].median(), ".2f"),
        "boundary points per class": (record.groupby("experiment")["points"].median(), ".0f"),
        "least rank correlation of accuracy and attack inside": (together.min(), ".2f"),
        "farthest basis from the line of DeepFool's directions, points": (100 * apart, ".0f"),
        "fooled behind the unit by the free attack, %": (100 * fooled["free, without the unit"], ".0f"),
        "fooled behind the unit by who knows of it, %": (100 * fooled["white box, through the unit"], ".0f"),
    }
    rows = [[what, *(f"{found[name]:{form}}" for name in names)] for what, (found, form) in numbers.items()]
    return markdown(rows, ["", *names])


@text
def table1(suite: str = "evidence") -> str:
    """Table 1, as the paper prints it: means over repetitions, norms of 0 to 255, the rest in %."""
    found = table("table1.csv", *experiments(suite))
    factors, rows = np.unique(found["factor"]), []
    for (name, side), part in found.groupby(["experiment", "side"], sort=False):
        means = part[["image_norm", "perturbation_norm", "accuracy"]].mean()
        fooling = part.groupby("factor")["fooling"].mean()
        numbers = [means["image_norm"], means["perturbation_norm"], 100 * means["accuracy"], *(100 * fooling[factors])]
        rows.append([name, f"{side}", *(f"{number:.1f}" for number in numbers)])
    header = ["experiment", "*d*_low", "norm of images", "norm of perturbations", "accuracy"]
    return markdown(rows, [*header, *(f"*f* = {factor:g}" for factor in factors)])


@text
def through_the_unit(experiment: str) -> str:
    """The attacks on a network behind the unit that keeps two thirds of the side: means over repetitions."""
    found = table("attacks.csv", experiment)
    means = found[found["side"] == second(found["side"])].groupby("attack", sort=False)[["norm", "fooling"]].mean()
    rows = [[name, f"{row.norm:.0f}", f"{100 * row.fooling:.0f} %"] for name, row in means.iterrows()]
    return markdown(rows, [f"attack, {experiment}", "norm", "fools behind the unit"])


def of(rows: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """Return the rows of an experiment."""
    return rows[rows["experiment"] == experiment]


def second(sides: pd.Series) -> float:
    """Return the side nearest to two thirds of the largest."""
    found = np.unique(sides)
    return found[np.abs(found - found.max() * 2 / 3).argmin()]


@text
def jobs(suite: str = "evidence") -> str:
    """CPU time and memory of each rule, all jobs of a repetition together, in the mean over repetitions; processors."""
    found = jobs_of(*experiments(suite))
    names = list(dict.fromkeys(found["experiment"]))
    per_seed = found.groupby(["rule", "experiment", "seed"], sort=False).agg(
        seconds=("cpu_seconds", "sum"), peak=("peak_gib", "max")
    )
    cells = per_seed.groupby(level=[0, 1], sort=False).agg({"seconds": "mean", "peak": "max"})
    rows = [
        [f"`{rule}`", *(_cell(cells, rule, name) for name in names)]
        for rule in dict.fromkeys(index[0] for index in cells.index)
    ]
    total = cells["seconds"].groupby(level=1).sum()
    rows.append(["all", *(f"{total[name] / 60:.0f} min" for name in names)])
    devices = found.groupby("experiment")["device"].agg(lambda made_on: "; ".join(sorted(set(made_on))))
    rows.append(["on", *devices[names]])
    return markdown(rows, ["CPU seconds (GiB)", *names])


def jobs_of(*names: str) -> pd.DataFrame:
    """Return a row per job; a job with several results has a row for each in the table."""
    return table("results.csv", *names).drop_duplicates(
        ["experiment", "seed", "rule", "began", "seconds", "cpu_seconds"]
    )


@text
def networks(suite: str) -> str:
    """Accuracy of the networks of a suite, DeepFool's median norm, and how many directions of attack they need."""
    rows, first, *_ = [], *experiments(suite)
    for name in experiments(suite):
        row = [f"`{name}`", f"{100 * table('network.csv', name)['accuracy'].mean():.1f}"]
        norms, shared = table("twins-norms.csv", name), table("transfer.csv", name)
        if len(norms):
            # Networks on the same images share their norm.
            images = next(found for one in (name, first) if len(found := table("table1.csv", one)))
            image = images["image_norm"][images["side"] == images["side"].max()].mean() / 255
            median = _median_norm(norms)
            row += [f"{median:.2f}", f"{100 * median / image:.0f}"]
        if len(shared):
            own, theirs = (shared.set_index("theirs").loc[one] for one in (name, first))
            row += [
                f"{own['rank']:.0f}" if np.isfinite(own["rank"]) else "",
                f"{theirs['overlap']:.2f} ({theirs['chance']:.2f})",
                f"{100 * theirs['accuracy']:.0f} ({100 * theirs['own_accuracy']:.0f})",
            ]
        rows.append([*row, *[""] * (7 - len(row))])
    head = ["", "accuracy, %", "DeepFool's median norm", "the same, % of the images'"]
    head += ["directions of attack for 90 % of the accuracy", f"overlap of `{first}`'s with as many own ones (random)"]
    return markdown(rows, [*head, f"accuracy on `{first}`'s (as many own ones), %"])


@text
def directions(*names: str) -> str:
    """How many directions of each basis of figure 4 keep most of the accuracy, network by network."""
    found = table("fig4.csv", *names).query("split == 'test' and rank > 0")
    legend, rows = declared("bases"), []
    for basis, lines in found.groupby("basis", sort=False):
        row = [legend[basis]["label"]]
        for name in names:
            line = of(lines, name).sort_values("rank")
            ranks, accuracies = line["rank"].to_numpy(), line["accuracy"].to_numpy()
            (rank,) = crossing(ranks, accuracies[None], LEVEL * line["full_accuracy"].to_numpy()[:1])
            row.append(f"{np.ceil(rank):.0f}" if np.isfinite(rank) else "")
        rows.append(row)
    return markdown(rows, ["directions for 90 % of the accuracy", *(f"`{name}`" for name in names)])


@text
def twins() -> str:
    """Networks and their twins: accuracy, also under attack, DeepFool's norms, claims, and the widest gap."""
    names = [name for name in experiments("twins") if len(table("twins-norms.csv", name))]
    found = verdicts(*names).set_index(["experiment", "claim"])
    rows = []
    for name in names:
        network, norms, line = (table(f"{file}.csv", name) for file in ("network", "twins-norms", "twins"))
        full, median = 100 * line["full_accuracy"].iloc[0], _median_norm(norms)
        row = [f"`{name}`", f"{full:.1f}", "", "", f"{median:.2f}", *[""] * 4]
        original = line["of"].iloc[0]
        if original != name:
            robust = network.iloc[0]
            left = 100 - np.interp(robust["radius"], norms["norm"], norms["percent"])
            row[2:4] = f"{100 * robust['robust_accuracy']:.1f} ({robust['radius']:g})", f"{left:.0f}"
            apart = 100 * difference(_coupling(line), _coupling(table("twins.csv", original)))
            row[5:7] = _judged(found, (name, "robust-still-coupled")), f"{np.abs(apart).mean():.1f}"
            row[7:9] = f"{apart[np.abs(apart).argmax()]:+.1f}", _judged(found, (name, "robust-flatter"))
        rows.append(row)
    head = ["", "accuracy, %", "under attack, % (within)", "keep their class under DeepFool within it, %"]
    head += ["DeepFool's median norm", "mean gap to the original's coupling", "mean absolute gap, points"]
    return markdown(rows, [*head, "widest gap, points", "largest curvature over the original's"])


def _coupling(numbers: pd.DataFrame) -> Means:
    """Return the line of coupling of a network in a table of twins, on its own directions of attack."""
    line = numbers.query(f"basis == {REFERENCE!r} and split == 'test' and rank > 0").sort_values("rank")
    return Means(line["accuracy"].to_numpy(), line["fraction"].to_numpy())


@text
def rival_times(experiment: str) -> str:
    """CPU time of each of the other explanations, and of all else."""
    found = jobs_of(experiment)
    kinds = found["result"].str.extract(
        r"^(?:bases/)?(jacobian|untrained|margins|manifold|heatmap|energies|transfer)\b"
    )
    seconds = found.groupby(kinds[0].fillna("all else").to_numpy())["cpu_seconds"].sum()
    rivals = seconds.drop("all else")
    rows = [[f"`{name}`", f"{value:,.0f}"] for name, value in rivals.items()]
    rows += [["all of these", f"{rivals.sum():,.0f}"], ["the main line: all else", f"{seconds['all else']:,.0f}"]]
    return markdown(rows, [f"CPU seconds, `{experiment}`", ""])


def _judged(cells: pd.DataFrame, key: str | tuple[str, str]) -> str:
    """Format the estimate and the verdict in the row ``key`` of verdicts; empty if there is none."""
    return f"{spelled(cells.loc[key])} {SIGNS[cells.loc[key, 'verdict']]}" if key in cells.index else ""


def _median_norm(norms: pd.DataFrame) -> float:
    """Return DeepFool's median norm, the mean over repetitions."""
    return norms[norms["percent"] == 50]["norm"].mean()


def _cell(cells: pd.DataFrame, rule: str, name: str) -> str:
    return (
        f"{cells.loc[(rule, name), 'seconds']:,.0f} ({cells.loc[(rule, name), 'peak']:.1f})"
        if (rule, name) in cells.index
        else ""
    )


@text
def benchmarks(*names: str) -> str:
    """The goals of benchmarks, and what was reached; without names, what they were measured with."""
    goals = pd.read_csv(EVIDENCE / "benchmarks.csv", keep_default_na=False)
    if not names:
        return textwrap.fill(machines_of(goals), 120, break_long_words=False, break_on_hyphens=False)
    return table_of(goals[goals["benchmark"].isin(names)])


def main() -> None:
    """Take over results if asked to, draw the pictures, and fill in the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("add", nargs="*", metavar="add RESULTS", help="take over the results in a folder")
    arguments = parser.parse_args().add
    if arguments:
        add(Path(arguments[1]))
    draw(EVIDENCE)
    for page in PAGES:
        path = ROOT / page
        path.write_text(fill_in(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
