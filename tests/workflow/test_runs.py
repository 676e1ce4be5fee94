"""The workflow runs from an empty folder to its figures, once, and reruns exactly the jobs that a change affects."""

import json
import os
import subprocess
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
import yaml

from configurations import SCHEMA, configurations
from conftest import REPOSITORY, Workflow
from engine.provenance import digest
from engine.settings import check_config
from friendlyfire.records.errors import ConfigError
from friendlyfire.records.stores import contents, open_store

FIGURES = (
    *("fig1", "fig2", "figS1", "figS2", "fig3", "fig4", "fig5", "coupling", "spectrum", "training", "scorecard"),
)
PLOTS = {f"plot_{figure}" for figure in FIGURES}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["snakefmt", "--check", "Snakefile", "workflow/rules"],
        ["snakemake", "--lint"],
        ["pip-licenses", "--partial-match", "--fail-on", "GPL;GNU", "--ignore-packages", "docutils"],
    ],
    ids=" ".join,
)
def test_linters_have_nothing_to_say(command):
    import sys

    done = subprocess.run(
        [Path(sys.executable).with_name(command[0]), *command[1:]],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env=Workflow.environment(None),
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("suite", ["demo", "paper"])
def test_a_dry_run_needs_neither_data_nor_gpu(tmp_path, suite):
    workflow = Workflow(tmp_path / "dry")
    printed = workflow.run("--dry-run", "--config", f"suite={suite}", "device=cuda")
    assert "measure_accuracy" in printed
    assert not (workflow.folder / "results").exists()


@pytest.fixture(scope="module")
def dry(tmp_path_factory):
    return Workflow(tmp_path_factory.mktemp("dry") / "ff")


@hypothesis.settings(max_examples=3, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@hypothesis.given(config=configurations())
def test_what_the_configuration_check_takes_can_be_planned(dry, config):
    try:
        check_config(config, SCHEMA)
    except ConfigError:
        hypothesis.reject()
    (dry.folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert "measure_resampling" in dry.run("--dry-run")


def test_the_demo_makes_every_figure_with_its_table_and_caption(demo):
    for figure in FIGURES:
        for kind in ("pdf", "png", "csv", "rst"):
            assert (demo.folder / f"results/figures/{figure}.{kind}").stat().st_size > 50
    fig3, fig4 = (pd.read_csv(demo.folder / f"results/figures/{name}.csv") for name in ("fig3", "fig4"))
    columns = ["experiment", "seed", "basis"]
    columns += ["rank", "split", "role", "accuracy", "ci_low", "ci_high", "images", "full_accuracy", "provenance"]
    assert list(fig4) == columns
    assert list(fig3) == [*columns[:3], "directions_per_class", *columns[3:]]
    for table in (fig3, fig4):
        measured, training = (table[table["role"] == role] for role in ("measured", "training"))
        assert measured.notna().all(axis=None)
        assert ((measured["ci_low"] <= measured["accuracy"]) & (measured["accuracy"] <= measured["ci_high"])).all()
        # Accuracy on training images does not estimate the accuracy on other images.
        assert training["ci_low"].isna().all()
        assert set(table["split"]) == {"train", "test"}
        assert table.groupby("basis")["rank"].min().eq(0).all()
    assert "asymmetry" in (demo.folder / "results/figures/fig3.rst").read_text()


def test_a_second_run_has_nothing_to_do(demo):
    assert "Nothing to be done" in demo.run()


@pytest.fixture
def edited(demo):
    """A function that adds a comment to a file of the demo's workflow, until the test ends."""
    originals = {}

    def edit(name, old, new):
        path = demo.folder / name
        originals[path] = (path.read_bytes(), path.stat()) if path.exists() else None
        text = path.read_text() if path.exists() else ""
        assert old in text
        path.write_text(text.replace(old, new) if old else text + new)

    yield edit
    for path, original in originals.items():
        path.unlink()
        if original:
            path.write_bytes(original[0])
            os.utime(path, ns=(original[1].st_atime_ns, original[1].st_mtime_ns))


CLAIMED = {"measure_claims", "plot_scorecard", "write_card"}
CURVED = {"decompose_curvature", "make_basis", "tabulate_spectra", "measure_slopes"} | CLAIMED
SCORED = {"measure_scores", "plot_fig1", "plot_fig2", "plot_figS1", "plot_figS2"} | CLAIMED
PROJECTED = {"measure_accuracy", "plot_fig3", "plot_fig4", "plot_coupling"} | CLAIMED
INSIDE = {"measure_fractions", "plot_fig3", "plot_coupling"} | CLAIMED
MEASURED = PROJECTED | INSIDE | {"plot_spectrum"}
ON_CURVATURE = MEASURED - {"plot_fig4"}  # which shows no basis of curvature
CONFINED = {"measure_confinement", "plot_fig5"} | CLAIMED
RESAMPLED = {"measure_resampling", "tabulate_resampling"} | CLAIMED
FOUND = {"find_boundary"}
WALKED, VIEWED = ({f"measure_{name}", "write_explorer"} for name in ("walks", "views"))


BEHIND_POINTS = FOUND | CURVED | SCORED | ON_CURVATURE | WALKED | VIEWED
ATTACKED = {"perturb_images", "gather_perturbations", "find_universal", "make_basis"}
LIBRARY = "workflow/friendlyfire"


@pytest.mark.parametrize(
    ("name", "old", "new", "rules"),
    [
        # Words.
        ("README.md", "", "# Edited.\n", set()),
        (f"{LIBRARY}/checks.py", "the network is in training mode", "it trains", set()),
        (f"{LIBRARY}/attacks/deepfool.py", '    r"""Compute DeepFool perturb', '    r"""Compute perturb', set()),
        (f"{LIBRARY}/attacks/deepfool.py", "iterations: Tensor  #", "iterations: Tensor  # n,", set()),
        (f"{LIBRARY}/networks/training.py", "training diverged in", "the loss diverged in", set()),
        (f"{LIBRARY}/measures/accuracy.py", "{role} images", "images of {role}", set()),
        (f"{LIBRARY}/measures/accuracy.py", "how many of the measured", "some of the measured", set()),
        # Code that no result depends on.
        ("workflow/engine/job.py", "seconds: float = 10", "seconds: float = 5", set()),
        ("workflow/engine/settings.py", "LARGEST_SQUARE = 20_000", "LARGEST_SQUARE = 30_000", set()),
        (f"{LIBRARY}/bases/another.py", "", "def another_basis():\n    return 1\n", set()),
        (f"{LIBRARY}/networks/architectures/nin.py", "Dropout(0.5)", "Dropout(0.4)", set()),
        # Figures.
        (f"{LIBRARY}/figures/training.py", 'xlabel="epoch"', 'xlabel="epochs"', {"plot_training"}),
        (f"{LIBRARY}/figures/style.mplstyle", "", "# Edited.\n", PLOTS | {"write_card"}),
        (f"{LIBRARY}/figures/accuracy.py", "far ahead of", "ahead of", {"plot_fig4", "write_card"}),
        (f"{LIBRARY}/figures/confinement.py", "SHOWN = 6", "SHOWN = 5", {"plot_fig5"}),
        # Code that computes.
        (
            f"{LIBRARY}/figures/captions.py",
            ".rstrip()",
            ".strip()",
            PLOTS | {"tabulate_spectra", "tabulate_resampling", "write_explorer"} | CLAIMED,
        ),
        (
            f"{LIBRARY}/records/sharing.py",
            "= 1024",
            "= 512",
            ATTACKED - {"find_universal"} | {"tabulate_spectra"} | MEASURED | CONFINED | RESAMPLED | VIEWED,
        ),
        (
            f"{LIBRARY}/bases/curvature.py",
            '"positive", "negative"',
            '"negative", "positive"',
            {"make_basis"} | ON_CURVATURE - {"plot_spectrum"},
        ),
        (
            f"{LIBRARY}/attacks/deepfool.py",
            "perturbations[part] + step.reshape",
            "perturbations[part] + 1.0 * step.reshape",
            ATTACKED | FOUND | CURVED | SCORED | MEASURED | CONFINED | RESAMPLED | WALKED | VIEWED,
        ),
        (
            f"{LIBRARY}/measures/projections.py",
            "centred @ columns",
            "1.0 * centred @ columns",
            PROJECTED | CONFINED | VIEWED,
        ),
        (f"{LIBRARY}/curvature/boundary.py", "points = ", "points = 1 * ", BEHIND_POINTS),
        (
            f"{LIBRARY}/bases/cosines.py",
            "return vectors.reshape(",
            "return 1 * vectors.reshape(",
            {"make_basis"} | MEASURED - {"plot_spectrum"},
        ),
        (
            f"{LIBRARY}/measures/curves.py",
            "steps: Tensor,",
            "steps: Tensor,\n    unused: int = 0,",
            SCORED | {"measure_slopes"} | WALKED,
        ),
        (
            f"{LIBRARY}/measures/fractions.py",
            "return np.sqrt(",
            "return 1 * np.sqrt(",
            INSIDE,
        ),
    ],
)  # fmt: skip
def test_only_what_an_edit_affects_is_rerun(demo, edited, name, old, new, rules):
    edited(name, old, new)
    assert demo.planned() == rules


@pytest.mark.parametrize(
    ("key", "rules"),
    [
        ("device=cpu", set()),
        (
            "accuracy={measured_images: 200}",
            PROJECTED | {"write_explorer"},
        ),
        ("bases={pca_images: 99}", {"make_basis", "tabulate_spectra"} | MEASURED | VIEWED),
        ("bases={directions: 50}", {"make_basis"} | MEASURED - {"plot_spectrum"} | VIEWED),
        ("perturbations={foolbox: {L2PGD: {steps: 3}}}", set()),
        ("curvature={step: 0.5}", BEHIND_POINTS - FOUND),
        ("curvature={source: rival}", BEHIND_POINTS - FOUND),
        ("boundary={step_back: 0.8}", BEHIND_POINTS),
        ("resampling={factors: [1, 5]}", RESAMPLED),
        ("figures={fig4: [deepfool-high]}", {"plot_fig4", "plot_coupling"} | CLAIMED),
    ],
)
def test_a_changed_value_makes_again_exactly_the_stages_below_it(demo, key, rules):
    assert demo.planned("--config", key) == rules


def test_one_figure_is_made_alone_when_it_was_removed(demo):
    for kind in ("pdf", "png", "csv", "rst"):
        (demo.folder / f"results/figures/spectrum.{kind}").unlink()
    assert demo.planned() == {"plot_spectrum", "write_card"}
    demo.run("spectrum", "card")
    assert demo.planned() == set()


def test_a_data_set_is_the_same_whatever_else_is_configured(demo, tmp_path):
    """Its contents stand in the provenance of every table."""
    workflow, store = Workflow(tmp_path / "otherwise"), "results/datasets/digits.zarr.zip"
    workflow.run(store, "--config", "device=cpu", "threads=1", "suite=paper", "scores={steps: 9}")
    assert contents(workflow.folder / store) == contents(demo.folder / store)


def test_any_number_of_cores_and_shards_gives_the_same_bytes(demo, copied):
    cores, shards, classes = 4, 7, 3
    curvature = f"curvature={{shards: {classes}}}"
    tables = ["figures/fig4.csv", "figures/spectrum.csv", "digits-lenet/accuracy/curvature-extreme.csv"]
    tables = [f"results/{table}" for table in (*tables, "digits-lenet/quality.csv")]
    network = copied.folder / "results/digits-lenet/network.safetensors"
    network.unlink()
    sharing = ("--config", curvature, f"perturbations={{shards: {shards}}}", "--cores", str(cores))
    printed = copied.run(*tables, *sharing)
    assert printed.count("rule train_network:") == 1
    assert printed.count("rule perturb_images:") == min(shards, 3)  # the 1,200 and 200 images are in 2 and 1 blocks
    assert printed.count("rule find_boundary:") == classes
    assert printed.count("rule decompose_curvature:") == classes
    for name in (*tables, "results/digits-lenet/network.safetensors"):
        assert (copied.folder / name).read_bytes() == (demo.folder / name).read_bytes(), name


def test_every_result_tells_what_made_it(demo):
    whole = json.loads((demo.folder / "results/provenance.json").read_text())
    made = {str(path.relative_to(demo.folder)) for path in (demo.folder / "results").rglob("*")}
    made = {name for name in made if name.endswith((".csv", ".zarr.zip", ".safetensors"))}
    # Tables beside the numbers of a figure, and those of what only claims or pages read.
    beside = {
        name for name in made - set(whole["results"]) if not name.startswith(("results/figures", "results/tables"))
    }
    scores = {f"scores/{name}" for name in ("flat-curves", "random", "random-form", "random-curves")}
    explored = {name for name in made if "/walks/" in name or "/views/" in name}
    assert len(explored) == 7
    assert beside - explored == {f"results/digits-lenet/{name}.csv" for name in {*scores, "slopes/slopes"}}
    for name, record in whole["results"].items():
        assert record["seed"] == 0
        assert record["threads"] == (1 if "digits-lenet" in name else 2)  # the experiment's own, or the default
        assert record["device"].startswith("CPU")
        assert record["packages"]["numpy"] == np.__version__
        assert set(record["inputs"]) <= set(whole["results"])
        settings = whole["settings"][record["digest"]]
        assert settings["datasets.digits.source"] == "digits"
        assert digest(settings) == record["digest"]
        if name.endswith(".csv"):
            assert set(pd.read_csv(demo.folder / name)["provenance"]) == {record["digest"]}
        elif name.endswith(".zarr.zip"):
            with open_store(demo.folder / name, None) as store:
                assert store.record["provenance"] == record["digest"]
    settings = whole["settings"][whole["results"]["results/figures/fig4.csv"]["digest"]]
    assert settings["digits-lenet.networks.epochs"] == 30
    assert settings["results/digits-lenet/network.safetensors"]


def test_a_killed_training_goes_on_to_the_same_network(demo, tmp_path):
    """SIGKILL of everything after some epochs; the next run resumes there and matches an undisturbed run."""
    workflow = Workflow(tmp_path / "killed")
    target = "results/digits-lenet/network.safetensors"
    with workflow.started(target) as running:
        log = workflow.wait_for_epochs(running)
    assert not (workflow.folder / target).exists()
    workflow.run("--unlock")
    workflow.run(target)
    assert "resuming after epoch" in log.read_text()
    assert (workflow.folder / "results/digits-lenet/training.csv").read_bytes() == (
        demo.folder / "results/digits-lenet/training.csv"
    ).read_bytes()
    assert not (workflow.folder / "results/digits-lenet/training.checkpoint").exists()


def test_the_stock_of_a_data_set_tells_what_there_is(demo):
    stock = json.loads((demo.folder / "results/datasets/digits.source.json").read_text())
    assert set(stock.pop("fingerprints")) == {"train", "test"}
    assert stock == {"source": "digits", "classes": 10, "images": {"train": 1437, "test": 360}}


def test_a_repetition_draws_anew_and_leaves_the_experiment_as_it_is(demo, copied):
    table = "results/figures/training.csv"
    seeds = ("--config", "experiments={digits-lenet: {seeds: 2}}")
    before = (copied.folder / "results/digits-lenet/network.csv").read_bytes()
    printed = copied.run(table, *seeds)
    assert printed.count("rule train_network:") == 1
    assert (copied.folder / "results/digits-lenet/network.csv").read_bytes() == before
    curves = pd.read_csv(copied.folder / table)
    assert curves["experiment"].unique().tolist() == ["digits-lenet"]
    first, second = (curves.loc[curves["seed"] == seed, "train_loss"].to_numpy() for seed in (0, 1))
    assert len(first) == len(second) == 30
    assert not (first == second).any()
    single = pd.read_csv(demo.folder / table)
    pd.testing.assert_frame_equal(curves[curves["seed"] == 0].iloc[:, :-1], single.iloc[:, :-1])
    assert "2 repetitions" in (copied.folder / "results/figures/training.rst").read_text()
