"""What the rules share: the checked configuration, its sections, the code that a script runs. No rule."""

import ast
import functools
import importlib.util
import math
import os
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from friendlyfire.class_names import IMAGENET
from friendlyfire.errors import ConfigError
from friendlyfire.sections import experiment_settings
from friendlyfire.sources import HELD_OUT, image_shape, sampled_sides
from friendlyfire.settings import (
    ATTACKED_TOGETHER,
    ATTACKS,
    BASES,
    CURVATURE_BASES,
    DIFFERENTIATED_TOGETHER,
    RESAMPLED_BASIS,
    check_config,
    suite_experiments,
    typed,
    useful_shards,
)

WORKFLOW = Path(workflow.basedir) / "workflow"
STYLE = os.path.relpath(WORKFLOW / "friendlyfire" / "figures.mplstyle")

config.update(typed(config))

try:
    check_config(config, yaml.safe_load((WORKFLOW / "schemas" / "config.schema.yaml").read_text(encoding="utf-8")))
except ConfigError as error:
    raise WorkflowError(str(error)) from None

EXPERIMENTS = suite_experiments(config)
TRAINED = [name for name in config["experiments"] if experiment_settings(config, name, "networks")["weights"] is None]
IMPORTED = [name for name in config["experiments"] if name not in TRAINED]


wildcard_constraints:
    experiment="|".join(config["experiments"]),
    dataset="|".join(config["datasets"]),
    attack="|".join([*ATTACKS, r"foolbox-\w+"]),
    basis="|".join([*BASES, RESAMPLED_BASIS.pattern]),
    side=r"\d+",
    shard=r"\d+",
    part=r"\d+",
    kind="positive|negative|flat",


def check_writable(folder):
    """Tell, before any job starts, that results cannot be written."""
    if os.path.exists(folder) and not os.access(folder, os.W_OK):
        raise WorkflowError(f"{folder} cannot be written; it is on a read-only disk, or another user's")


def one_of(names):
    """Regular expression that matches these names and nothing else."""
    return "|".join(names) or "(?!)"


def settings(*stages):
    """Params: the named sections as the job's experiment has them, with the seed, in one dict.

    Of a section that the job needs one key of, "stage.key" gives no more: what a job does not read, it does not follow.
    """

    def of_job(wildcards):
        sections = {}
        for stage, _, key in (name.partition(".") for name in stages):
            section = experiment_settings(config, wildcards.experiment, stage)
            sections.setdefault(stage, {}).update({key: section[key]} if key else section)
        return {"seed": config["seed"], **sections}

    return of_job


def attack_settings(wildcards):
    """Params: which images are attacked, and the options of the job's attack alone, under its key of the section."""
    section = experiment_settings(config, wildcards.experiment, "perturbations")
    kind, _, name = wildcards.attack.partition("-")
    options = {f"{kind}.{name}": section[kind].get(name, {})} if name else {kind: section[kind]}
    held_out = config["datasets"][config["experiments"][wildcards.experiment]["dataset"]].get("held_out") or HELD_OUT
    shards = useful_shards(section["shards"], ATTACKED_TOGETHER, section["images"], held_out)
    return {"seed": config["seed"], "perturbations": {"images": section["images"], "shards": shards, **options}}


def dataset_settings(wildcards):
    """Params: the section of the job's data set."""
    return {"seed": config["seed"], **dict(sorted(config["datasets"][wildcards.dataset].items()))}


def dataset_of(wildcards):
    """Input: the store of the data set of the job's experiment."""
    return f"results/datasets/{config['experiments'][wildcards.experiment]['dataset']}.zarr.zip"


def perturbations_of(wildcards):
    """Input: the stores of the attacks that the experiment's fractions are about."""
    attacks = experiment_settings(config, wildcards.experiment, "fractions")["attacks"]
    # No colon in a file's name.
    return [f"results/{wildcards.experiment}/perturbations/{attack.replace(':', '-')}.zarr.zip" for attack in attacks]


def weights_of(wildcards):
    """Input: the file of weights that the job's experiment brings, if any."""
    weights = experiment_settings(config, wildcards.experiment, "networks")["weights"]
    return [] if weights in (None, "published") else [str(Path(weights))]


def class_file_of(wildcards):
    """Input: the file that names the classes of a network that the job's experiment brings, if any."""
    classes = experiment_settings(config, wildcards.experiment, "networks")["classes"]
    return [classes] if isinstance(classes, str) and classes != IMAGENET else []


def own_module(wildcards):
    """Input: the file of the user's module that the network of the job's experiment comes from, if it is one."""
    name, colon, _ = experiment_settings(config, wildcards.experiment, "networks")["architecture"].partition(":")
    origin = importlib.util.find_spec(name).origin if colon else None
    return [os.path.relpath(origin)] if origin and origin.endswith(".py") else []


def image_folders(wildcards):
    """Input: the class folders of a data set that is a folder, so that images that come or go are seen."""
    folder = config["datasets"][wildcards.dataset].get("folder")
    return sorted(str(path) for path in Path(folder).glob("*/*") if path.is_dir()) if folder else []


def experiments_with(figure):
    """Experiments of the suite that have a panel in ``figure``."""
    if figure in ("table1", "provenance"):
        return EXPERIMENTS
    if figure == "training":
        return [name for name in EXPERIMENTS if name in TRAINED]
    sections = {name: experiment_settings(config, name, "figures") for name in EXPERIMENTS}
    if figure in SCORE_KINDS:
        return [name for name in EXPERIMENTS if set(SCORE_KINDS[figure]) <= set(sections[name]["scores"])]
    if figure == "coupling":
        return [name for name in EXPERIMENTS if "deepfool-high" in sections[name]["fig4"]]
    return [name for name in EXPERIMENTS if sections[name][figure]]


def figure_files(figure):
    """Input of a target: a figure as PDF, as picture, and the table plotted; nothing if no experiment is in it."""
    return [f"results/figures/{figure}.{kind}" for kind in ("pdf", "png", "csv")] if experiments_with(figure) else []


#: The kinds of directions that the figures of section 4.1 show.
SCORE_KINDS = {"fig1": ("positive", "negative"), "fig2": ("positive",), "figS1": ("negative",), "figS2": ("flat",)}


def score_results(figure, name):
    """Input: results of the scores of the kinds that a figure shows, experiment by experiment."""
    return [
        f"results/{experiment}/scores/{name.format(kind=kind)}"
        for experiment in experiments_with(figure)
        for kind in SCORE_KINDS[figure]
    ]


def scores_of(name):
    """Input: the same for the figure that a job makes."""

    def of_job(wildcards):
        return score_results(wildcards.figure, name)

    return of_job


def table_files(table):
    """Input of a target: a table as CSV, Markdown, LaTeX and HTML."""
    return [f"results/tables/{table}.{kind}" for kind in ("csv", "md", "tex", "html")]


#: What the report calls each figure and table, and the section of the paper that it stands under.
IN_REPORT = {
    "training": ("Learning curves", "Networks"),
    "quality": ("Quality of the curvature", "3 Curvature"),
    "spectrum": ("Spectra", "3 Curvature"),
    "fig1": ("Figure 1", "4.1 Class identity along directions"),
    "fig2": ("Figure 2", "4.1 Class identity along directions"),
    "figS1": ("Figure S1", "4.1 Class identity along directions"),
    "figS2": ("Figure S2", "4.1 Class identity along directions"),
    "fig3": ("Figure 3", "4.2 Accuracy and dimensionality"),
    "fig4": ("Figure 4", "4.3 Classification and attack"),
    "fig5": ("Figure 5", "4.3 Classification and attack"),
    "coupling": ("Coupling", "4.3 Classification and attack"),
    "table1": ("Table 1", "4.4 Compression"),
    "provenance": ("What made the results", "Provenance"),
}


def numbers():
    """Input: the numbers of the suite's figures, and of its table."""
    figures = [name for name in IN_REPORT if name not in ("quality", "table1", "provenance") and experiments_with(name)]
    return [*(f"results/figures/{name}.csv" for name in figures), "results/tables/table1.csv"]


def place(figure, shows):
    """Arguments of ``report``: the section of a figure, and its labels with the experiments and networks in it."""

    def name_of(wildcards):
        return figure.format(**wildcards)

    def category(wildcards):
        return IN_REPORT[name_of(wildcards)][1]

    def labels(wildcards):
        experiments = (
            [wildcards.experiment] if "experiment" in wildcards.keys() else experiments_with(name_of(wildcards))
        )
        networks = [experiment_settings(config, name, "networks")["architecture"] for name in experiments]
        return {
            "figure": IN_REPORT[name_of(wildcards)][0],
            "shows": shows,
            "experiment": ", ".join(experiments),
            "network": ", ".join(dict.fromkeys(networks)),
        }

    return {"category": category, "labels": labels}


def reported(name, shows):
    """Output: a picture or table of a figure, with its caption and place in the report."""
    figure = name.split(".")[0].split("-")[0]
    return report(f"results/figures/{name}", caption="../report/written.rst", **place(figure, shows))


def perturbation_shards(wildcards):
    """Input: the stores of all shares of the perturbations by the job's attack."""
    shards = attack_settings(wildcards)["perturbations"]["shards"]
    folder = f"results/{wildcards.experiment}/perturbations/{wildcards.attack}"
    return [f"{folder}/shard-{shard}.zarr.zip" for shard in range(shards)]


def curvature_settings(wildcards):
    """Params: curvature, with the numbers of jobs that have something to do."""
    section, boundary = (experiment_settings(config, wildcards.experiment, name) for name in ("curvature", "boundary"))
    section["image_shards"] = useful_shards(section["image_shards"], DIFFERENTIATED_TOGETHER, boundary["images"])
    if boundary["classes"] != "all":
        section["shards"] = min(section["shards"], len(boundary["classes"]))
    return {"seed": config["seed"], "curvature": section}


def boundary_settings(wildcards):
    """Params: boundary, DeepFool's options, and over how many jobs the classes are spread."""
    shards = curvature_settings(wildcards)["curvature"]["shards"]
    return {**settings("boundary", "perturbations.deepfool")(wildcards), "curvature": {"shards": shards}}


def hessian_parts(wildcards):
    """Input: the stores of the mean Hessians of all shares of the images, if there are several."""
    shards = curvature_settings(wildcards)["curvature"]["image_shards"]
    prefix = f"results/{wildcards.experiment}/curvature/hessians-{wildcards.shard}"
    return [f"{prefix}-{part}.zarr.zip" for part in range(shards)] if shards > 1 else []


def shards_of(stage):
    """Input: the stores of all shards of a stage, boundary or curvature, of the job's experiment."""

    def of_job(wildcards):
        shards = curvature_settings(wildcards)["curvature"]["shards"]
        return [f"results/{wildcards.experiment}/{stage}/shard-{shard}.zarr.zip" for shard in range(shards)]

    return of_job


def spectra_of(kind):
    """Input: the stores of one kind of spectrum that the experiment's figure shows."""

    def of_job(wildcards):
        shown = "curvature" if kind == "boundary" else kind
        if shown not in experiment_settings(config, wildcards.experiment, "figures")["spectrum"]:
            return []
        if shown == "curvature":
            return shards_of(kind)(wildcards)
        basis = "pca" if kind == "pca" else f"{kind}-high"
        return [f"results/{wildcards.experiment}/bases/{basis}.zarr.zip"]

    return of_job


def basis_results(folder, figure, kind="csv"):
    """Input: tables, or stores, of all bases of a figure, experiment by experiment."""
    return [
        f"results/{experiment}/{folder}/{basis}.{kind}"
        for experiment in experiments_with(figure)
        for basis in experiment_settings(config, experiment, "figures")[figure]
    ]


def resampled_bases(wildcards):
    """Input: the singular vectors of the perturbations that the unit passes, for each side that it samples down to."""
    size = image_shape(config["datasets"][config["experiments"][wildcards.experiment]["dataset"]])[1]
    sides = sampled_sides(experiment_settings(config, wildcards.experiment, "resampling")["sides"], size)
    names = ["deepfool-high" if side == size else f"deepfool-high-{side}px" for side in sides]
    return [f"results/{wildcards.experiment}/bases/{name}.zarr.zip" for name in names]


def accuracy_tables(wildcards):
    """Input: the accuracies that figures 3 and 4 show."""
    return basis_results("accuracy", wildcards.figure)


def fraction_tables(wildcards):
    """Input: the norm fractions that stand below the accuracies of figure 3."""
    return basis_results("fractions", wildcards.figure) if wildcards.figure == "fig3" else []


def coupled(folder, kind="csv"):
    """Input: accuracies or norm fractions of all bases of figures 3 and 4, as tables or as stores of single images."""
    sections = {name: experiment_settings(config, name, "figures") for name in experiments_with("coupling")}
    return [
        f"results/{experiment}/{folder}/{basis}.{kind}"
        for experiment, section in sections.items()
        for basis in dict.fromkeys(section["fig4"] + section["fig3"])
    ]


def quality_tables(wildcards):
    """Input: the quality records that the caption of a figure of curvature quotes."""
    shown = [name for name in experiments_with(wildcards.figure) if name in experiments_with("spectrum")]
    return expand("results/{experiment}/quality.csv", experiment=shown if wildcards.figure == "fig3" else [])


def network_tables(figure):
    """Input: the accuracies of the networks that a figure is of, for its caption."""
    return expand("results/{experiment}/network.csv", experiment=experiments_with(figure))


def figure_networks(wildcards):
    """Input: the same for the figure that a job makes."""
    return network_tables(wildcards.figure)


def gigabytes(base, copies=0.0):
    """Resource ``mem``: a base and so many copies of the experiment's largest basis, more at each attempt."""

    def of_job(wildcards, attempt):
        return f"{math.ceil(attempt * (base + copies * basis_gigabytes(wildcards.experiment)))}GB"

    return of_job


def hours(base):
    """Resource ``runtime``: twice as long for images of ImageNet's size, more at each attempt; a day at most."""

    def of_job(wildcards, attempt):
        return f"{min(24, math.ceil(attempt * base * (1 + pixels_of(wildcards.experiment) / 150_000)))}h"

    return of_job


def pixels_of(experiment):
    """d, the number of pixel values of an experiment's images."""
    return math.prod(image_shape(config["datasets"][config["experiments"][experiment]["dataset"]]))


def basis_gigabytes(experiment):
    """Gigabytes of float64 that the largest basis of an experiment can take."""
    pixels, bases = pixels_of(experiment), experiment_settings(config, experiment, "bases")
    perturbations = experiment_settings(config, experiment, "perturbations")["images"]
    columns = max(bases["directions"] or pixels, bases["pca_images"], perturbations)
    return 8e-9 * pixels * min(pixels, columns)


@functools.cache
def code_of(script):
    """Input ``code``: a script and the modules it imports, near and far, so that editing one makes again what it made.

    Snakemake follows the script itself, but not what it imports. The paths are relative, for only then does it
    compare checksums and not times.
    """
    waiting = [WORKFLOW / "scripts" / f"{script}.py"]
    found = set(waiting)
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop().read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                for folder in (WORKFLOW, WORKFLOW / "scripts"):
                    path = folder.joinpath(*name.split(".")).with_suffix(".py")
                    if path.exists() and path not in found:
                        found.add(path)
                        waiting.append(path)
    return sorted(os.path.relpath(path) for path in found)
