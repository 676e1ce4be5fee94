"""What a user sees when something is wrong: one line that names it and the way out, and no result that lies."""

import shutil

import pytest

from conftest import Workflow


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return Workflow(tmp_path_factory.mktemp("faults") / "ff")


def told(printed: str, text: str) -> str:
    """The one line of ``printed`` that holds ``text``."""
    lines = [line for line in printed.splitlines() if text in line]
    assert len(lines) == 1, printed[-3000:]
    return lines[0]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("suite=nope", "config: suite: there is no 'nope'; choose from demo, paper"),
        ("epochs=3", "config: unknown key 'epochs'; allowed: accuracy"),
        ("device=gpu", "config: device: 'gpu' is not allowed; choose from auto, cpu, cuda"),
        ("perturbations={images: -3}", "config: perturbations.images: -3 is less than the minimum of 1"),
        ("perturbations={images: many}", "config: perturbations.images: 'many' is not of type 'integer'"),
        ("networks={architecture: vgg}", "config: networks.architecture: 'vgg' does not match"),
        (
            "experiments={digits-lenet: {dataset: digitz}}",
            "digits-lenet.dataset: there is no 'digitz'; choose from digits,",
        ),
        ("figures={fig3: [curvy]}", "figures.fig3: there is no 'curvy'; choose from curvature-positive"),
        ("curvature={directions: 65}", "curvature.directions: 65 is beyond the 64 dimensions"),
    ],
)
def test_config_faults_stop_before_any_job(fresh, config, text):
    told(fresh.run("--config", config, fails=True), text)
    assert not (fresh.folder / "results").exists()


def test_cuda_that_is_absent_is_told(fresh):
    printed = fresh.run("results/digits-lenet/network.safetensors", "--config", "device=cuda", fails=True)
    told(printed, "train_network: device: cuda, but torch sees no CUDA device here; choose device=auto or device=cpu")


@pytest.mark.parametrize(
    ("dataset", "text"),
    [
        (
            "{source: folder, folder: no such folder, size: 8}",
            "image folder no such folder is not there; it must hold train/<class>/",
        ),
        ("{source: folder, folder: workflow, size: 8}", "image folder workflow has no folder test/"),
    ],
)
def test_missing_data_are_told(fresh, dataset, text):
    config = f"datasets={{mine: {dataset}}}"
    experiment = "experiments={digits-lenet: {dataset: mine, accuracy: {directions_per_class: 3}}}"
    printed = fresh.run("fig4", "--config", config, experiment, fails=True)
    told(printed, f"fetch_dataset: {text}")


def test_a_network_at_chance_feeds_nothing_on(fresh):
    printed = fresh.run(
        "fig4",
        "--config",
        "networks={learning_rate: 1.0e-9}",
        "experiments={digits-lenet: {networks: {epochs: 1}}}",
        fails=True,
    )
    told(printed, "train_network: the network of digits-lenet is at chance: test accuracy")
    assert not (fresh.folder / "results/digits-lenet/network.safetensors").exists()


def flip(content: bytes) -> bytes:
    """The file with one byte changed in its largest array."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("store", "target"),
    [
        ("digits-lenet/perturbations/deepfool.zarr.zip", "digits-lenet/bases/deepfool-high.zarr.zip"),
        ("digits-lenet/bases/deepfool-high.zarr.zip", "digits-lenet/accuracy/deepfool-high.csv"),
        ("digits-lenet/curvature/shard-0.zarr.zip", "digits-lenet/bases/curvature-flat.zarr.zip"),
        ("datasets/digits.zarr.zip", "digits-lenet/bases/pca.zarr.zip"),
    ],
)
@pytest.mark.parametrize(
    "damage", [flip, lambda content: content[:100], lambda content: b""], ids=["flip", "cut", "empty"]
)
def test_a_damaged_store_is_told_with_the_command_that_mends_it(demo, tmp_path, store, target, damage):
    workflow = Workflow(tmp_path / "damaged")
    shutil.copytree(demo.folder / "results", workflow.folder / "results")
    shutil.copytree(demo.folder / ".snakemake", workflow.folder / ".snakemake")
    path = workflow.folder / "results" / store
    path.write_bytes(damage(path.read_bytes()))
    (workflow.folder / "results" / target).unlink()
    printed = workflow.run(f"results/{target}", "--rerun-triggers", "mtime", fails=True)
    line = told(printed, f"results/{store} is damaged")
    assert line.endswith(f"make it again with: snakemake --cores all --force results/{store}")
    assert not (workflow.folder / "results" / target).exists()


def test_the_store_of_another_experiment_is_told(demo, tmp_path):
    workflow = Workflow(tmp_path / "another")
    shutil.copytree(demo.folder / "results", workflow.folder / "results")
    other = workflow.folder / "results/mnist-lenet/bases"
    other.mkdir(parents=True)
    shutil.copy(workflow.folder / "results/digits-lenet/bases/random.zarr.zip", other)
    from friendlyfire.errors import StoreError
    from friendlyfire.stores import open_store

    message = "has experiment 'digits-lenet', not 'mnist-lenet'"
    with pytest.raises(StoreError, match=message), open_store(other / "random.zarr.zip", "basis", "mnist-lenet"):
        pass
