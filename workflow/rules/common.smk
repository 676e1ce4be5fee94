"""What the rules share: the checked configuration, its sections, the code that a script runs. No rule."""

import functools
import hashlib
import importlib.util
import math
import os
import shutil
import sys
import time
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from friendlyfire.datasets.class_names import IMAGENET
from friendlyfire.records.errors import FAULTS, ConfigError
from friendlyfire.records.files import sha256
from engine.code import Definition, digest_of_code
from engine.kinds import RESAMPLED, attack_kind, attacks_of_images, basis_kind, legend, with_declared_options
from engine.provenance import is_result, note_of
from engine.sections import experiment_settings, threads_of
from friendlyfire.datasets.sources import HELD_OUT, image_shape, known_classes, known_images, sampled_sides
from engine.settings import (
    ATTACKED_TOGETHER,
    DIFFERENTIATED_TOGETHER,
    check_config,
    suite_experiments,
    typed,
    useful_shards,
)

WORKFLOW = ROOT / "workflow"
STYLE = os.path.relpath(WORKFLOW / "friendlyfire" / "figures" / "style.mplstyle")

config.update(typed(config))

try:
    schema = yaml.safe_load((WORKFLOW / "schemas" / "config.schema.yaml").read_text(encoding="utf-8"))
    check_config(config, with_declared_options(schema))
except ConfigError as error:
    sys.exit(str(error))  # an exception would have lines of Snakemake's below it

EXPERIMENTS = suite_experiments(config)
TRAINED = [name for name in config["experiments"] if experiment_settings(config, name, "networks")["weights"] is None]
IMPORTED = [name for name in config["experiments"] if name not in TRAINED]


wildcard_constraints:
    experiment="|".join(config["experiments"]),
    dataset="|".join(config["datasets"]),
    attack="|".join([*attacks_of_images(config), r"foolbox-\w+"]),
    basis="(?:" + "|".join(legend(config)) + r")(?:-\d+px)?",
    shard=r"\d+",
    part=r"\d+",
    kind="positive|negative|flat",


#: GPUs that a job with a network asks for: none where there is none, so that such jobs run beside each other.
GPU = int(config["device"] == "cuda" or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None))

# Threads that wait give up their core: where cores are shared, others may need it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def threads_of_job(wildcards):
    """Threads: of the job's experiment."""
    return threads_of(config, wildcards.experiment)


def check_writable(folder):
    """Tell, before any job starts, that results, or a folder of them, cannot be written."""
    for place, _, _ in os.walk(folder):
        if not os.access(place, os.W_OK):
            raise WorkflowError(f"{place} cannot be written; it is on a read-only disk, or another user's")


def noted_outputs(**files):
    """Output: results, and for each of them a note of what made it, which outlives a temporary one."""
    return {**files, **{f"{name}_note": str(note_of(path)) for name, path in files.items()}}


#: When this run began.
BEGAN = time.time()


def forget_faults():
    """Those of a run before this one."""
    FAULTS.unlink(missing_ok=True)


def faults():
    """Why the jobs of this run failed, a line each, each once."""
    if not FAULTS.exists():
        return []
    return dict.fromkeys(FAULTS.read_text(encoding="utf-8").splitlines())


def forget_checkpoints():
    """Those of trainings that are over; one that ends in a run that is interrupted needs its own to count."""
    for path in Path("results").glob("*/training.checkpoint"):
        if path.with_name("network.safetensors").exists():
            path.unlink()


def where_to_look():
    """What to open first of the figures that this run made, if it made any."""
    order = ["fig4", "fig3", "fig1"]
    made = [path for path in Path("results/figures").glob("*.png") if path.stat().st_mtime >= BEGAN]
    made.sort(key=lambda path: (order.index(path.stem) if path.stem in order else len(order), path.stem))
    return [f"Figures are in results/figures, tables in results/tables; open {made[0]} first."] if made else []


def how_to_go_on():
    """Why the jobs of this run failed, if any did, and what to do now."""
    told = faults()
    mend = "Mend what is told above, then the same command goes on." if told else "Go on with the same command."
    return [*told, f"What is finished stays, of a training its epochs too. {mend}"]


def tell_end(lines):
    """The last lines of a run, below all that Snakemake says."""
    print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr, flush=True)


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
    kind, options = attack_kind(config, wildcards.experiment, wildcards.attack)
    options.pop("name", None)
    held_out = dataset_section(wildcards.experiment).get("held_out") or HELD_OUT
    shards = useful_shards(section["shards"], ATTACKED_TOGETHER, section["images"], held_out)
    sections = {"perturbations": {"images": section["images"], "shards": shards}}
    if kind.get("own"):
        sections["attacks"] = {wildcards.attack: kind["declared"]}
    else:
        sections["perturbations"][wildcards.attack.replace("-", ".")] = options
    return {"seed": config["seed"], **sections}


def dataset_section(experiment):
    """The section of the data set of an experiment."""
    return config["datasets"][config["experiments"][experiment]["dataset"]]


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


@functools.cache
def code_at(place):
    """Digest of a function, "package.module:name", and of all that it uses."""
    name, _, function = place.partition(":")
    origin = Path(importlib.util.find_spec(name).origin)
    if "site-packages" in origin.parts:  # what is installed there is told by its version
        return file_digest(origin)
    depth = name.count(".") + (origin.name == "__init__.py")
    return digest_of_code([Definition(origin, function)], (Path.cwd(), origin.parents[depth], WORKFLOW))


def own_code(wildcards):
    """Digest of the user's function that the network of the job's experiment comes from, if any."""
    architecture = experiment_settings(config, wildcards.experiment, "networks")["architecture"]
    return [code_at(architecture)] if ":" in architecture else []


def attack_code(wildcards):
    """Digest of the function that is the job's attack."""
    return [code_at(attack_kind(config, wildcards.experiment, wildcards.attack)[0]["make"])]


def basis_code(wildcards):
    """Digests of the function that makes the job's basis, and of what reads its materials."""
    kind = basis_kind(config, wildcards.experiment, wildcards.basis)
    return [code_at(kind["make"]), code_at(f"friendlyfire.bases.materials:{kind['from']}")]


def basis_settings(wildcards):
    """Params: what the job's basis reads of the configuration, as its kind declares."""
    kind = basis_kind(config, wildcards.experiment, wildcards.basis)
    return settings(*kind["settings"])(wildcards)


def legend_of(figure):
    """Digest of what the legend of a figure calls the bases that it shows, and of their colours."""

    def of_job(wildcards):
        shown = {"coupling": ("fig4", "fig3")}.get(name := wildcards.get("figure", figure), (name,))
        sections = [experiment_settings(config, experiment, "figures") for experiment in EXPERIMENTS]
        bases = {basis for section in sections for key in shown for basis in section[key]}
        names = {RESAMPLED.sub(r"\g<basis>", basis) for basis in bases}
        entries = repr(sorted((name, *entry.values()) for name, entry in legend(config).items() if name in names))
        return [hashlib.sha256(entries.encode()).hexdigest()]

    return of_job


def materials_of(wildcards):
    """Input: what the job's basis is made from."""
    kind, folder = basis_kind(config, wildcards.experiment, wildcards.basis), f"results/{wildcards.experiment}"
    match kind["from"]:
        case "dataset":
            return {"dataset": dataset_of(wildcards)}
        case "network":
            return {"dataset": dataset_of(wildcards), "network": f"{folder}/network.safetensors"}
        case "perturbations":
            return {"perturbations": f"{folder}/perturbations/{kind['of']}.zarr.zip"}
        case "curvature":
            return {"curvature": shards_of("curvature")(wildcards)}
        case "basis":
            return {"basis": f"{folder}/bases/{kind['of']}.zarr.zip"}


def own_files(wildcards):
    """The same, with the digests of files that an imported network is read from, but another experiment's network."""
    given = [*weights_of(wildcards), *class_file_of(wildcards)]
    return [*own_code(wildcards), *(file_digest(path) for path in given if not is_result(path))]


def image_folders(wildcards):
    """Params: a digest of the class folders of a data set that is a folder, so that images that come or go are seen."""
    folder = config["datasets"][wildcards.dataset].get("folder")
    found = sorted(path for path in Path(folder).glob("*/*") if path.is_dir()) if folder else []
    # A folder that is renamed keeps its times, one that another is put in the place of has other numbers.
    states = "".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_ino}\n" for path in found)
    return hashlib.sha256(os.fsencode(states)).hexdigest()[:12]


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
    classes = boundary["classes"]
    known = known_classes(dataset_section(wildcards.experiment)) if classes == "all" else len(classes)
    section["shards"] = min(section["shards"], known or section["shards"])
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
    size = image_shape(dataset_section(wildcards.experiment))[1]
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


def training_gigabytes(wildcards, attempt):
    """Resource ``mem`` of a training, which holds all images as bytes."""
    images = known_images(dataset_section(wildcards.experiment))
    return f"{math.ceil(attempt * (8 + 1e-9 * images * pixels_of(wildcards.experiment)))}GB"


def hours(base):
    """Resource ``runtime``: twice as long for images of ImageNet's size, more at each attempt; a day at most."""

    def of_job(wildcards, attempt):
        return f"{min(24, math.ceil(attempt * base * (1 + pixels_of(wildcards.experiment) / 150_000)))}h"

    return of_job


def pixels_of(experiment):
    """d, the number of pixel values of an experiment's images."""
    return math.prod(image_shape(dataset_section(experiment)))


def basis_gigabytes(experiment):
    """Gigabytes of float64 that the largest basis of an experiment can take."""
    pixels, bases = pixels_of(experiment), experiment_settings(config, experiment, "bases")
    perturbations = experiment_settings(config, experiment, "perturbations")["images"]
    columns = max(bases["directions"] or pixels, bases["pca_images"], perturbations)
    return 8e-9 * pixels * min(pixels, columns)


#: Of a file, read once a run.
file_digest = functools.cache(sha256)


def code_of(script, own=lambda wildcards: []):
    """Params: a digest of the code that a script runs, so that editing it reruns what it computed.

    Args:
        script: of the job.
        own: a function of the wildcards, digests of the user's files that the job runs too.
    """
    code = digest_of_code([Definition(WORKFLOW / "scripts" / f"{script}.py", "main")], (WORKFLOW, WORKFLOW / "scripts"))

    def of_job(wildcards):
        return hashlib.sha256(" ".join([code, *own(wildcards)]).encode()).hexdigest()[:12]

    return of_job
