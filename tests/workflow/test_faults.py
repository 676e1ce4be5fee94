"""Errors that a user sees: one line that names the fault and the way out, and no wrong result."""

import os
import shutil

import pytest
from PIL import Image

from conftest import Workflow, kept
from friendlyfire.records.errors import StoreError
from friendlyfire.records.stores import open_store


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return Workflow(tmp_path_factory.mktemp("faults") / "ff")


def told(printed: str, text: str) -> str:
    """Return the only line of ``printed`` that contains ``text``; a job's error is repeated at the end of the run.

    Snakemake writes a message and its end of line apart, so a job's line can follow a message without one.
    """
    lines = sorted((line for line in printed.splitlines() if text in line), key=len)
    assert lines, printed[-3000:]
    assert all(line.endswith(lines[0]) for line in lines), printed[-3000:]
    return lines[0]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("suite=nope", "config: suite: there is no 'nope'; choose from demo, paper"),
        ("perturbations={images: -3}", "config: perturbations.images: -3 is less than the minimum of 1"),
        ("networks={architecture: vgg}", "config: networks.architecture: 'vgg' is not allowed; choose from alexnet"),
        ("curvature={directions: 65}", "curvature.directions: 65 is more than the 64 dimensions"),
    ],
)
def test_config_faults_stop_before_any_job(fresh, faults, config, text):
    told(fresh.run("--config", config, fails=True), text)
    assert not (fresh.folder / "results").exists()
    faults.count("told", config)


def test_cuda_that_is_absent_is_told(fresh, faults):
    printed = fresh.run("results/digits-lenet/network.safetensors", "--config", "device=cuda", fails=True)
    told(printed, "train_network: device: cuda, but torch finds no CUDA device here; choose device=auto or device=cpu")
    faults.count("told", "no CUDA")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (
            lambda folder: shutil.rmtree(folder),
            "config: datasets.mine.folder: my images is not a folder; give one that",
        ),
        (
            lambda folder: (folder / "test/b/3.png").write_bytes(b"\x89PNG\r\n\x1a\n cut"),
            "prepare_dataset: my images/test/b/3.png is not a readable image",
        ),
    ],
    ids=["missing", "unreadable"],
)
def test_missing_and_unreadable_images_are_told(fresh, faults, spoil, text):
    folder = fresh.folder / "my images"
    for place in ("train/a", "train/b", "test/a", "test/b"):
        (folder / place).mkdir(parents=True)
        for number in range(5):
            Image.new(("L", "RGB", "RGBA", "P", "LA")[number], (9, 8), number).save(folder / place / f"{number}.png")
    spoil(folder)
    config = "datasets={mine: {source: folder, folder: my images, size: 8}}"
    experiment = "experiments={digits-lenet: {dataset: mine, accuracy: {directions_per_class: 3}}}"
    told(fresh.run("results/datasets/mine.zarr.zip", "--config", config, experiment, fails=True), text)
    assert not (fresh.folder / "results/datasets/mine.zarr.zip").exists()
    shutil.rmtree(folder, ignore_errors=True)
    faults.count("told", text)


def test_a_network_at_chance_feeds_nothing_on(fresh, faults):
    printed = fresh.run(
        "fig4",
        "--config",
        "networks={learning_rate: 1.0e-9}",
        "experiments={digits-lenet: {networks: {epochs: 1}}}",
        fails=True,
    )
    told(printed, "train_network: the network of digits-lenet is at chance: test accuracy")
    assert not (fresh.folder / "results/digits-lenet/network.safetensors").exists()
    faults.count("told", "a network at chance")


def test_a_copy_elsewhere_has_nothing_to_make_again(copied):
    """Also if the code is newer than the results, as in a fresh clone."""
    for path in (copied.folder / "workflow").rglob("*"):
        path.touch()
    assert copied.planned() == set()


def flip(content: bytes) -> bytes:
    """Change a range of bytes in the middle of the file, long enough to affect every reader."""
    start, stop = max(0, len(content) // 2 - 2048), len(content) // 2 + 2048
    return content[:start] + bytes(byte ^ 0xFF for byte in content[start:stop]) + content[stop:]


#: The damaged result, the rule that reads it, and the result that must not be made from it.
DAMAGED = [
    ("digits-lenet/bases/deepfool-low.zarr.zip", "measure_fractions", "digits-lenet/fractions/deepfool-low.csv"),
    ("digits-lenet/curvature/shard-0.zarr.zip", "make_basis", "digits-lenet/bases/curvature-flat.zarr.zip"),
    ("digits-lenet/network.safetensors", "measure_accuracy", "digits-lenet/accuracy/dct.csv"),
    ("digits-lenet/scores/positive.zarr.zip", "plot_fig2", "figures/fig2.csv"),
    ("digits-lenet/spectra.csv", "plot_spectrum", "figures/spectrum.csv"),
]


@pytest.mark.parametrize(
    "damage", [flip, lambda content: content[:100], lambda content: b""], ids=["flip", "cut", "empty"]
)
def test_a_damaged_result_is_told_with_the_command_that_mends_it(copied, faults, damage):
    results = copied.folder / "results"
    for name, _, target in DAMAGED:
        path = results / name
        times = path.stat()
        path.write_bytes(damage(path.read_bytes()))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        (results / target).unlink()
    targets = [f"results/{target}" for _, _, target in DAMAGED]
    printed = copied.run(*targets, "--rerun-triggers", "mtime", "--keep-going", fails=True)
    damaged = [f"results/{name}" for name, _, _ in DAMAGED]
    for name, rule, target in DAMAGED:
        # An input, or an input of an input.
        line = told(printed, f"{rule}: results/")
        assert line.split()[1] in damaged
        assert line.endswith(f"recreate it with: snakemake --cores all --force {line.split()[1]}")
        assert not (results / target).exists()
        faults.count("told", name)


def test_a_check_reads_what_no_later_job_does(copied, faults):
    copied.run("check")
    for name, damage in (
        ("figures/fig4.csv", lambda content: content.replace(b",0.9", b",0.8", 1)),
        ("figures/fig3.png", lambda content: content + b" "),
        ("tables/table1.tex", lambda content: content.replace(b"9", b"8", 1)),
        ("provenance.json", lambda content: content.replace(b"lenet", b"nin", 1)),
        ("digits-lenet/bases/pca.zarr.zip", flip),
    ):
        path = copied.folder / "results" / name
        with kept(path):
            times = path.stat()
            path.write_bytes(damage(path.read_bytes()))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            line = told(copied.run("check", "--rerun-triggers", "mtime", fails=True), f"check: results/{name} is ")
        assert line.endswith(f"recreate it with: snakemake --cores all --force results/{name}")
        faults.count("told", name)


def test_a_result_in_the_place_of_another_is_told_by_the_job_that_reads_it(copied, faults):
    results = copied.folder / "results"
    shutil.copytree(results / "digits-lenet", results / "twin")
    shutil.copytree(results / "provenance/digits-lenet", results / "provenance/twin")
    twin = ("--config", "experiments={twin: {dataset: digits, networks: {epochs: 30}}}")
    swaps = [
        ("digits-lenet/bases/random.zarr.zip", "digits-lenet/bases/pca.zarr.zip", "accuracy/random.csv", ()),
        ("digits-lenet/scores/negative.csv", "digits-lenet/scores/positive.csv", "figures/figS1.csv", ()),
        ("twin/network.safetensors", None, "twin/accuracy/dct.csv", twin),
    ]
    for place, other, target, arguments in swaps:
        target = results / (f"digits-lenet/{target}" if target.startswith("accuracy") else target)
        target.unlink()
        if other:
            shutil.copy2(results / other, results / place)
        printed = copied.run(
            str(target.relative_to(copied.folder)), "--rerun-triggers", "mtime", *arguments, fails=True
        )
        line = told(printed, f": results/{place} ")
        assert line.endswith(f"recreate it with: snakemake --cores all --force results/{place}")
        assert not target.exists()
        faults.count("told", place)


def test_results_of_other_settings_cannot_come_out_as_one_figure(copied, faults):
    """The table is made with another configuration, and Snakemake checks only file times."""
    table, figure = "results/digits-lenet/accuracy/pca.csv", "results/figures/fig4.csv"
    copied.run(table, "--config", "accuracy={measured_images: 200}")
    (copied.folder / figure).unlink()
    printed = copied.run(figure, "--rerun-triggers", "mtime", fails=True)
    line = told(printed, f"plot_fig4: {table} was made with digits-lenet.accuracy.measured_images = 200")
    assert line.endswith(f"the configuration has 10000; recreate it with: snakemake --cores all --force {table}")
    assert not (copied.folder / figure).exists()
    copied.run("--force", table)
    assert copied.planned(figure) == {"plot_fig4"}
    faults.count("told", table)


def test_the_store_of_another_experiment_is_told(copied, faults):
    basis, other = (f"results/{name}/bases/random.zarr.zip" for name in ("digits-lenet", "mnist-lenet"))
    (copied.folder / other).parent.mkdir(parents=True)
    shutil.copy(copied.folder / basis, copied.folder / other)
    message = "has experiment 'digits-lenet', not 'mnist-lenet'"
    with pytest.raises(StoreError, match=message), open_store(copied.folder / other, "basis", "mnist-lenet"):
        pass
    faults.count("told", other)


def test_a_class_that_no_image_reaches_is_told(copied, faults):
    few = "experiments={digits-lenet: {boundary: {images: 4}, perturbations: {deepfool: {max_iterations: 1}}}}"
    printed = copied.run("results/digits-lenet/boundary/shard-0.zarr.zip", "--config", few, fails=True)
    told(printed, "digits-lenet has too few boundary points: ")
    faults.count("told", "no boundary point")
