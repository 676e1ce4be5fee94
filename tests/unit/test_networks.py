"""Networks own their preprocessing, come back as they were saved, and refuse weights that are not theirs."""

import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from conftest import TRAINING
from friendlyfire.errors import NetworkError
from friendlyfire.networks import (
    IMAGENET_MEAN,
    as_pixels,
    build_network,
    check_above_chance,
    check_logits,
    load_network,
    load_weights,
    predict,
    read_weights,
    save_network,
)

COLOUR = np.full((3, 32, 32), 0.5)


def built(mean=COLOUR, classes=10, **options):
    return build_network({**TRAINING, "width": 0.25, **options}, mean, 0.25, classes)


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        ("lenet", (1, 8, 8)),
        ("lenet", (1, 28, 28)),
        ("lenet", (3, 33, 33)),
        ("nin", (3, 32, 32)),
        ("alexnet", (3, 32, 32)),
    ],
)
@pytest.mark.parametrize(("activation", "pooling"), [("relu", "max"), ("softplus", "average"), ("gelu", "average")])
def test_architectures_give_a_logit_a_class_whatever_the_batch(architecture, shape, activation, pooling):
    network = built(np.zeros(shape), 7, architecture=architecture, activation=activation, pooling=pooling)
    images = torch.rand(5, *shape)
    logits = predict(network, images, batch_size=2)
    assert logits.shape == (5, 7)
    torch.testing.assert_close(logits[3:4], predict(network, images[3:4]))


@pytest.mark.parametrize("architecture", ["lenet", "nin", "alexnet"])
def test_smooth_options_leave_no_kink(architecture):
    modules = list(built(architecture=architecture, activation="softplus", pooling="average").modules())
    assert not any(isinstance(module, nn.ReLU | nn.MaxPool2d) for module in modules)


def test_layers_of_network_in_network_are_those_of_its_authors():
    body = built(architecture="nin", width=1.0).body
    sizes = [(m.out_channels, m.kernel_size[0]) for m in body if isinstance(m, nn.Conv2d)]
    assert sizes == [(192, 5), (160, 1), (96, 1), (192, 5), (192, 1), (192, 1), (192, 3), (192, 1), (10, 1)]


def test_the_preprocessing_is_inside():
    network = built(normalisation="dataset")
    pixels = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(network(pixels), network.body((pixels - 0.5) / 0.25))
    imagenet = built(normalisation="imagenet")
    assert imagenet.mean.flatten().tolist() == pytest.approx(IMAGENET_MEAN)
    custom = built(normalisation={"mean": [0.1, 0.2, 0.3], "std": [1, 2, 4]})
    torch.testing.assert_close(
        custom(pixels), custom.body((pixels - custom.mean) / torch.tensor([1.0, 2, 4])[:, None, None])
    )
    none = built(normalisation="none")
    torch.testing.assert_close(none(pixels), none.body(pixels))


def test_pixels_are_in_zero_to_one():
    assert as_pixels(np.array([0, 51, 255], dtype=np.uint8)).tolist() == pytest.approx([0, 0.2, 1])


@pytest.mark.parametrize("name", ["torchvision/squeezenet1_1", "timm/resnet10t"])
def test_networks_of_torchvision_and_timm_come_by_name(name):
    network = built(np.full((3, 64, 64), 0.5), 4, architecture=name)
    assert predict(network, torch.rand(1, 3, 64, 64)).shape == (1, 4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision/nonesuch", "network 'torchvision/nonesuch' cannot be built: ValueError: Unknown model nonesuch"),
        ("collections:OrderedDict", "cannot be built: TypeError"),
        ("operator:neg", "the factory returned a int, not a torch.nn.Module"),
        ("no_such_module:f", "cannot be built: ModuleNotFoundError"),
    ],
)
def test_a_network_that_is_none_is_told(name, message):
    with pytest.raises(NetworkError, match=message):
        built(architecture=name)


def test_images_too_small_are_told():
    with pytest.raises(NetworkError, match="alexnet needs images of at least 8 pixels a side, not 4"):
        built(np.zeros((1, 4, 4)), architecture="alexnet")


def test_a_saved_network_comes_back(tmp_path):
    network, images = built(), torch.rand(4, 3, 32, 32)
    record = {"settings": {**TRAINING, "width": 0.25}, "shape": (3, 32, 32), "classes": 10}
    save_network(tmp_path / "n.safetensors", network, record)
    again = load_network(tmp_path / "n.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "n.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
    load_weights(built().body, read_weights(tmp_path / "n.safetensors"), "its body alone")
    torch.testing.assert_close(again(images), network(images))
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"not weights at all, but long enough"])
def test_a_damaged_network_is_told(tmp_path, content):
    path = tmp_path / "n.safetensors"
    path.write_bytes(content)
    with pytest.raises(NetworkError, match="is damaged .* make it again with: snakemake --cores all --force"):
        load_network(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_are_read_from_safetensors_and_state_dicts(tmp_path, suffix):
    state = built().body.state_dict()
    path = tmp_path / f"w{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state}, path)
    body = built().body
    load_weights(body, read_weights(path), str(path))
    for name, value in body.state_dict().items():
        assert torch.equal(value, state[name])


@pytest.mark.parametrize(
    ("image", "classes", "message"),
    [
        (
            torch.rand(1, 3, 20, 20),
            10,
            r"does not take images of shape \(3, 20, 20\): .*size",
        ),
        (
            torch.rand(1, 3, 32, 32),
            9,
            r"gives logits of shape \(1, 10\) .*; \(1, 9\) finite",
        ),
    ],
)
def test_a_network_that_does_not_fit_is_told(image, classes, message):
    with pytest.raises(NetworkError, match=message):
        check_logits(built(), image, classes, "mine")
    check_logits(built(), torch.rand(1, 3, 32, 32), 10, "mine")


def test_a_pickled_module_is_refused(tmp_path):
    torch.save(built().body, tmp_path / "module.pt")
    with pytest.raises(NetworkError, match=r"module\.pt are not a safetensors file .* pickled objects"):
        read_weights(tmp_path / "module.pt")


class Hostile:
    """A pickle of this makes a folder when it is loaded."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors", "w"])
@pytest.mark.parametrize("wrapped", [lambda hostile: hostile, lambda hostile: {"weight": torch.zeros(2), "x": hostile}])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, name, wrapped, faults):
    torch.save(wrapped(Hostile(tmp_path / "run")), tmp_path / name)
    with pytest.raises(NetworkError, match="are not a safetensors file or a state dict of tensors"):
        read_weights(tmp_path / name)
    assert not (tmp_path / "run").exists()
    faults.count("told", name)


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(2)]])
def test_more_or_other_than_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(NetworkError, match="not a state dict of tensors"):
        read_weights(tmp_path / "w.pt")


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(NetworkError, match=r"w\.pt are not there"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"classes": 11}, r"of another architecture: 9\.weight is \(11, 125\) there and \(10, 125\) in the network"),
        ({"architecture": "nin"}, r"of another architecture: 0\.weight is \(48, 3, 5, 5\) there and \(5, 3, 5, 5\)"),
    ],
)
def test_weights_of_another_architecture_change_nothing(other, message):
    body = built().body
    before = {name: value.clone() for name, value in body.state_dict().items()}
    with pytest.raises(NetworkError, match=message):
        load_weights(body, built(**other).body.state_dict(), "w.pt")
    assert all(torch.equal(value, before[name]) for name, value in body.state_dict().items())


def test_weights_that_are_not_finite_are_refused():
    state = built().body.state_dict()
    state["0.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(NetworkError, match=r"0\.weight holds values that are not finite"):
        load_weights(built().body, state, "w.pt")


@pytest.mark.parametrize(("correct", "fails"), [(100, True), (112, True), (140, False), (1000, False)])
def test_a_network_at_chance_is_refused(correct, fails):
    if fails:
        with pytest.raises(
            NetworkError, match=r"is at chance: test accuracy 1[01]\.\d% .* most frequent class 10\.0%; train longer"
        ):
            check_above_chance(correct, 1000, 0.1, "the network", "train longer")
    else:
        check_above_chance(correct, 1000, 0.1, "the network", "train longer")
