"""A user's own network on a user's own folder of images, by configuration alone, as in the documentation."""

import copy
import shutil

import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from conftest import Workflow
from friendlyfire.records.stores import open_store
from own_network import block, train_elsewhere, write_images

PAGE = "docs/how-to/own-network.md"


@pytest.fixture(scope="module")
def own(tmp_path_factory, digits):
    """A copy of the workflow with the documentation's network, weights trained here, and a folder of images."""
    workflow = Workflow(tmp_path_factory.mktemp("own") / "ff")
    (workflow.folder / "mynets.py").write_text(block(PAGE, "python", "class SmallNet"))
    config = yaml.safe_load(block(PAGE, "yaml", "mynets:small_net"))
    # To save time, not all images and not all figures' bases.
    config["experiments"]["my-experiment"]["boundary"]["images"] = 8
    config["experiments"]["my-experiment"]["perturbations"]["uap"] = {"count": 2, "images": 50, "max_passes": 1}
    config["figures"] = {"fig3": ["curvature-positive", "pca"], "fig4": ["deepfool-high", "dct"]}
    (dataset,) = config["datasets"].values()
    write_images(workflow.folder / dataset["folder"], digits)
    (workflow.folder / "mine.yaml").write_text(yaml.safe_dump(config))
    return workflow, config


def train(workflow, config):
    """Train the user's network without Friendly Fire, and save its state dict at the configured path."""
    (dataset,), (experiment,) = config["datasets"].values(), config["experiments"].values()
    folder = workflow.folder
    train_elsewhere(folder, folder / dataset["folder"], folder / experiment["networks"]["weights"])


def test_weights_that_are_not_there_stop_before_any_job(own):
    workflow, _ = own
    printed = workflow.run("--configfile", "mine.yaml", fails=True)
    assert "networks.weights: small_net.safetensors is not a file; give a path" in printed
    assert not (workflow.folder / "results").exists()


def test_weights_without_a_normalisation_stop_before_any_job(own):
    workflow, config = own
    config = copy.deepcopy(config)
    del config["experiments"]["my-experiment"]["networks"]["normalisation"]
    (workflow.folder / "forgotten.yaml").write_text(yaml.safe_dump(config))
    train(workflow, config)
    printed = workflow.run("--configfile", "forgotten.yaml", fails=True)
    assert "networks.normalisation: small_net.safetensors does not record how images are normalised; choose" in printed
    assert not (workflow.folder / "results").exists()


def test_own_network_on_own_images_gives_the_figures(own):
    workflow, config = own
    train(workflow, config)
    workflow.run("fig3", "fig4", "--configfile", "mine.yaml")
    (name,) = config["experiments"]
    table = pd.read_csv(workflow.folder / "results/figures/fig4.csv")
    assert set(table["experiment"]) == {name}
    plain = table[(table["rank"] == 256) & (table["split"] == "test")]
    assert (plain["accuracy"] > 0.9).all()
    assert plain["accuracy"].nunique() == 1


def test_an_edit_of_the_own_module_and_another_image_are_seen(own):
    workflow, config = own
    arguments = ("fig4", "--configfile", "mine.yaml")
    assert workflow.planned(*arguments) == set()
    (workflow.folder / "blocks.py").write_text("from torch import nn\n\n\ndef last():\n    return nn.Flatten()\n")
    module = workflow.folder / "mynets.py"
    module.write_text(f"import blocks\n{module.read_text().replace('nn.Flatten()', 'blocks.last()')}")
    assert "import_network" in workflow.planned(*arguments)
    assert "fetch_dataset" not in workflow.planned(*arguments)
    network = ("results/my-experiment/network.safetensors", *arguments[1:])
    workflow.run(*network)
    assert workflow.planned(*network) == set()
    with (workflow.folder / "blocks.py").open("a") as file:
        file.write("\n\nassert last\n")
    assert workflow.planned(*network) == {"import_network"}
    (dataset,) = config["datasets"].values()
    folder = next((workflow.folder / dataset["folder"] / "test").iterdir())
    Image.new("L", (16, 16)).save(folder / "one more.png")
    assert "fetch_dataset" in workflow.planned(*arguments)
    (folder / "one more.png").unlink()


def test_a_sub_network_of_another_experiments_network(own):
    """Three of its ten classes, in another order; the network is made first, with its own normalisation."""
    workflow, config = own
    names = {"b": 7, "a": 1, "c": 4}
    for split in ("train", "test"):
        for name, digit in names.items():
            source = workflow.folder / "my-images" / split / f"digit {digit}"
            shutil.copytree(source, workflow.folder / "three" / split / name)
    classes = ["z", "a", "2", 3, "c", "y", "x", "b", "w", "v"]
    section = {"architecture": "mynets:small_net", "weights": "results/my-experiment/network.safetensors"}
    config = copy.deepcopy(config)
    config["datasets"]["three"] = {**config["datasets"]["my-images"], "folder": "three"}
    config["experiments"]["three"] = {"dataset": "three", "networks": {**section, "classes": classes}}
    (workflow.folder / "three.yaml").write_text(yaml.safe_dump(config))
    for result in (workflow.folder / "results/my-experiment").glob("network.*"):
        result.unlink()
    arguments = ("results/three/network.csv", "--configfile", "three.yaml", "--config", "suites={mine: [three]}")
    printed = workflow.run(*arguments)
    (row,) = pd.read_csv(workflow.folder / "results/three/network.csv").to_dict("records")
    assert row["weights"] == section["weights"]
    assert (row["logits"], row["classes"]) == (10, 3)
    assert row["accuracy"] > 0.9
    line = "three: mynets:small_net, test accuracy {:.1f} % in the sub-network of 3 of its 10 logits ({} images"
    assert line.format(100 * row["accuracy"], row["images"]) in printed
    del config["experiments"]["three"]["networks"]["classes"][1]
    (workflow.folder / "three.yaml").write_text(yaml.safe_dump(config))
    told = workflow.run(*arguments, fails=True)
    assert "import_network: networks.classes: the data set's class 'a' is not among the network's 9 classes" in told


def test_weights_of_another_architecture_are_told(own):
    workflow, config = own
    (experiment,) = config["experiments"].values()
    path = workflow.folder / experiment["networks"]["weights"]
    kept = path.read_bytes()
    save_file({"0.weight": torch.zeros(3, 3)}, path)
    try:
        printed = workflow.run("fig4", "--configfile", "mine.yaml", fails=True)
    finally:
        path.write_bytes(kept)
    assert "import_network: weights small_net.safetensors belong to another architecture" in printed


def test_attacks_of_foolbox_and_resampled_perturbations_come_by_name(own):
    workflow, _ = own
    workflow.run(
        *("fig3", "fig4", "--configfile", "mine.yaml", "--config", "figures={fig3: [pca], fig4: [deepfool-high-8px]}"),
        *("fractions={attacks: ['foolbox:L2PGD']}", "perturbations={foolbox: {L2PGD: {epsilon: 1.0, steps: 10}}}"),
    )
    results = workflow.folder / "results/my-experiment"
    fractions = pd.read_csv(results / "fractions/pca.csv")
    assert set(fractions["attack"]) == {"foolbox:L2PGD"}
    assert fractions["fraction"].is_monotonic_increasing
    assert fractions["fraction"].iloc[-1] > 0.9
    # Images downsampled to 8 pixels have no more directions than that.
    accuracies = pd.read_csv(results / "accuracy/deepfool-high-8px.csv").query("split == 'test'").set_index("rank")
    assert accuracies.index.max() <= 64
    assert accuracies["accuracy"].iloc[-1] > 0.5


def test_test_images_alone_are_divided_into_roles(own):
    """An imported network on a folder without training images: nothing is measured on images that make directions."""
    workflow, config = own
    (dataset,), (experiment,) = config["datasets"].values(), config["experiments"].values()
    (workflow.folder / "only").mkdir()
    (workflow.folder / "only/test").symlink_to(workflow.folder / dataset["folder"] / "test")
    only = {
        "suites": {"only": ["only"]},
        "datasets": {"only": {**dataset, "folder": "only"}},
        "experiments": {"only": {**experiment, "dataset": "only", "accuracy": {"ranks": 2}}},
    }
    (workflow.folder / "only.yaml").write_text(yaml.safe_dump(only))
    results = [f"results/only/{name}" for name in ("accuracy/pca.csv", "boundary/shard-0.zarr.zip")]
    workflow.run(*results, "results/only/perturbations/fgsm.zarr.zip", "--configfile", "only.yaml")
    table = pd.read_csv(workflow.folder / results[0])
    assert (set(table["role"]), set(table["split"]), set(table["images"])) == ({"measured"}, {"test"}, {144})
    indices = {}
    for name, array in (("accuracy/pca", "measured/indices"), ("boundary/shard-0", "indices")):
        with open_store(workflow.folder / f"results/only/{name}.zarr.zip", None) as store:
            indices[name] = set(store[array].tolist())
    with open_store(workflow.folder / "results/only/perturbations/fgsm.zarr.zip", "perturbations") as store:
        held_out = store["held_out"]
        indices["held-out"], attacked = (set(store["indices"][rows].tolist()) for rows in (held_out, ~held_out))
    assert indices["boundary/shard-0"] <= attacked
    assert len(attacked | indices["held-out"] | indices["accuracy/pca"]) == 144 + 72 + 144
    assert not indices["accuracy/pca"] & (attacked | indices["held-out"])
    assert not attacked & indices["held-out"]
