"""A network and images on the command line: the data set, the counts and the networks that follow from them."""

import pytest
from PIL import Image

from engine.request import named, with_request
from friendlyfire.records.errors import ConfigError

SHIPPED = {"datasets": {"digits": {"source": "digits", "held_out": 200}}, "experiments": {"digits-lenet": {}}}


@pytest.fixture
def images(tmp_path):
    """A folder of two classes whose images have different sizes, one of them in colour."""
    for name, mode, size in (("n00000001", "L", (20, 20)), ("n00000002", "RGB", (30, 24))):
        (tmp_path / name).mkdir()
        for number in range(12):
            Image.new(mode, size).save(tmp_path / name / f"{number}.png")
    return tmp_path


def requested(**given):
    config = with_request(given, SHIPPED)
    (name,) = config["suites"][config["suite"]]
    experiment = config["experiments"][name]
    return experiment, {**SHIPPED["datasets"], **config["datasets"]}[experiment["dataset"]]


def test_images_of_different_sizes_need_a_size(images):
    with pytest.raises(ConfigError, match=r"not square \(20 x 20, 30 x 24\); give size=<side in pixels>"):
        requested(network="lenet", images=str(images))
    _, dataset = requested(network="lenet", images=str(images), size=16)
    assert dataset == {"source": "folder", "folder": str(images), "size": 16, "channels": 3}


def test_published_weights_bring_their_size_and_the_names_of_their_classes(images):
    experiment, dataset = requested(network="torchvision/alexnet", images=str(images))
    assert (dataset["size"], dataset["channels"]) == (224, 3)
    assert experiment["networks"]["weights"] == "published"
    assert experiment["networks"]["classes"] == "imagenet"


def test_large_images_are_decomposed_matrix_free(images):
    small, large = (requested(network="lenet", images=str(images), size=size, channels=3)[0] for size in (32, 224))
    assert "curvature" not in small
    assert large["curvature"]["solver"] == "lanczos"


def test_a_given_key_is_kept(images):
    experiment, _ = requested(network="lenet", images="digits", boundary={"images": 7})
    assert "images" not in experiment["boundary"]
    assert experiment["boundary"]["classes"] == "all"


def test_the_counts_are_those_of_the_images_that_make_directions(images, tmp_path):
    alone, _ = requested(network="lenet", images=str(images), size=16)
    assert alone["perturbations"]["images"] == 10  # of 24, 4 are held out and half of the others are measured
    for split, folder in (("train", "n00000001"), ("test", "n00000002")):
        (tmp_path / split).mkdir()
        (images / folder).rename(tmp_path / split / folder)
    divided, _ = requested(network="lenet", images=str(tmp_path), size=16)
    assert divided["perturbations"]["images"] == 10  # of 12 training images, 2 are held out


def test_a_folder_without_test_images_is_told(images, tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(ConfigError, match=r"holds train/ but no test/; name the folder of other images test/"):
        requested(network="lenet", images=str(tmp_path))


def test_a_folder_of_one_class_is_told(images):
    with pytest.raises(ConfigError, match=r"n00000001 has no class folders with images; name the folder of \{train"):
        requested(network="lenet", images=str(images / "n00000001"))


def test_two_normalisations_of_one_network_have_names_of_their_own():
    plain = {"network": "torchvision/alexnet", "weights": "w.pt", "normalisation": "none"}
    beside = {**plain, "normalisation": "imagenet", "name": "normalised"}
    config = with_request({**plain, "images": "digits", "compare": beside}, SHIPPED)
    assert config["suites"][config["suite"]] == ["alexnet-w-digits", "normalised"]
    found = [config["experiments"][name]["networks"]["normalisation"] for name in config["suites"][config["suite"]]]
    assert found == ["none", "imagenet"]


def test_without_a_network_nothing_is_requested():
    assert with_request({"suite": "demo"}, SHIPPED) == {"suite": "demo"}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"network": "torchvision/alexnet"}, "alexnet-images-224"),
        ({"network": "lenet", "size": 16}, "lenet-images-16"),
        ({"network": "lenet", "size": 16, "channels": 1}, "lenet-images-16-grey"),
        (
            {"network": "lenet", "size": 16, "weights": "w.pt", "normalisation": "imagenet"},
            "lenet-w-imagenet-images-16",
        ),
        ({"network": "lenet", "size": 16, "weights": "w.pt", "normalisation": "none"}, "lenet-w-images-16"),
        ({"network": "lenet", "size": 16, "name": "mine"}, "mine"),
    ],
)
def test_what_differs_has_a_name_of_its_own(images, given, name):
    (found,) = with_request({**given, "images": str(images)}, SHIPPED)["suites"]["requested"]
    assert found.replace(named(images.name), "images") == name
