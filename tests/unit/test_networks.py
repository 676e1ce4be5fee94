"""Networks contain their preprocessing, load as they were saved, and reject weights of other networks."""

import os
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from conftest import TRAINING
from friendlyfire.networks.acceptance import check_above_chance, check_accuracy, check_alone, check_logits, placed
from friendlyfire.networks.network import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    as_pixels,
    build_network,
    load_network,
    predict,
    save_network,
)
from friendlyfire.networks.weights import load_weights, read_weights
from friendlyfire.records.errors import NetworkError

COLOUR = np.full((3, 32, 32), 0.5)
SETTINGS = {**TRAINING, "width": 0.25}


def built(mean=COLOUR, classes=10, weights=None, columns=None, removed=None, **options):
    return build_network({**SETTINGS, **options}, mean, 0.25, classes, weights, columns, removed)


def saved(path, network, shape=(3, 32, 32), classes=10, **options):
    """The file of a network that was built with these options."""
    save_network(path, network, {"settings": {**SETTINGS, **options}, "shape": shape, "classes": classes})
    return path


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        ("lenet", (1, 8, 8)),
        ("lenet", (1, 28, 28)),
        ("lenet", (3, 33, 33)),
        ("nin", (3, 32, 32)),
        ("nin-bn", (3, 32, 32)),
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


@pytest.mark.parametrize("architecture", ["lenet", "nin", "nin-bn", "alexnet"])
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
        ("collections:OrderedDict", "cannot be built: TypeError.*; a factory is called with the number of classes"),
        ("operator:neg", "the factory returned a int, not a torch.nn.Module"),
        ("no_such_module:f", "cannot be built: ModuleNotFoundError"),
    ],
)
def test_a_network_that_is_none_is_told(name, message):
    with pytest.raises(NetworkError, match=message):
        built(architecture=name)


def test_images_too_small_are_told():
    with pytest.raises(NetworkError, match="'alexnet' cannot be built: .* images of at least 8 pixels per side, not 4"):
        built(np.zeros((1, 4, 4)), architecture="alexnet")


def test_a_saved_network_comes_back(tmp_path):
    network, images = built(), torch.rand(4, 3, 32, 32)
    saved(tmp_path / "n.safetensors", network)
    again = load_network(tmp_path / "n.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "n.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
    load_weights(built().body, read_weights(tmp_path / "n.safetensors"), "its body alone")
    torch.testing.assert_close(again(images), network(images))
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


#: Networks of torchvision that are built differently with published weights, and a small image side for each.
TWOFOLD = {"googlenet": 64, "inception_v3": 80}


@pytest.fixture(params=TWOFOLD)
def twofold(request, monkeypatch):
    """Name and image shape of such a network, whose published weights are random, and need no network access."""
    import torchvision

    shape = (3, TWOFOLD[request.param], TWOFOLD[request.param])
    network = getattr(torchvision.models, request.param)(init_weights=False, aux_logits=True).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train().momentum = None
    network(torch.randn(8, *shape))  # batch normalisation removes the scale of its inputs, so that images matter
    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", lambda *_, **__: network.state_dict())
    return f"torchvision/{request.param}", shape


@pytest.mark.filterwarnings("ignore:The default weight initialization of:FutureWarning")
def test_a_published_network_is_rebuilt_as_it_was_built(tmp_path, twofold):
    architecture, shape = twofold
    options = {"architecture": architecture, "normalisation": None}
    network, images = built(np.zeros(shape), 1000, "published", **options), torch.rand(2, *shape)
    assert network.mean.flatten().tolist() == pytest.approx(IMAGENET_MEAN)
    assert network.deviation.flatten().tolist() == pytest.approx(IMAGENET_DEVIATION)
    path = saved(tmp_path / "n.safetensors", network, shape, 1000, **options)
    expected = network(images).detach()
    for again in (load_network(path), built(np.zeros(shape), 1000, path, **options)):  # the same, another experiment's
        torch.testing.assert_close(again(images).detach(), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_the_normalisation_that_timm_publishes_is_taken(monkeypatch):
    import timm

    create = timm.create_model

    def without_download(name, pretrained, **options):
        assert "num_classes" not in options  # a head of another size would be random
        return create(name, pretrained_cfg_overlay={"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}, **options)

    monkeypatch.setattr(timm, "create_model", without_download)
    network = built(weights="published", architecture="timm/resnet10t", normalisation=None)
    assert network.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert network.deviation.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])


@pytest.mark.parametrize("explicit", [None, "none", "dataset"])
def test_a_file_of_this_project_carries_its_normalisation_and_an_explicit_one_wins(tmp_path, explicit):
    original = built(normalisation={"mean": [0.1, 0.2, 0.3], "std": [1, 2, 4]})
    path = saved(tmp_path / "n.safetensors", original)
    network, pixels = built(weights=path, normalisation=explicit), torch.rand(2, 3, 32, 32)
    expected = {None: original.mean, "none": torch.tensor(0.0), "dataset": torch.full(COLOUR.shape, 0.5)}[explicit]
    assert torch.equal(network.mean, expected)
    torch.testing.assert_close(network.body(pixels), original.body(pixels))


def test_weights_that_carry_no_normalisation_need_one(tmp_path):
    save_file(built().body.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(
        NetworkError, match=r"w\.safetensors do not record how images are normalised; set networks\.nor"
    ):
        built(weights=tmp_path / "w.safetensors", normalisation=None)
    assert built(weights=tmp_path / "w.safetensors", normalisation="none").mean == 0


FORWARD = nn.Sequential.forward


@pytest.mark.parametrize("edited", [lambda *x: FORWARD(*x).sin(), lambda *x: FORWARD(*x)[:, :9]])
def test_a_network_that_computes_another_function_than_when_it_was_stored_is_refused(tmp_path, monkeypatch, edited):
    path = saved(tmp_path / "n.safetensors", built())
    load_network(path)
    monkeypatch.setattr(nn.Sequential, "forward", edited)
    with pytest.raises(NetworkError, match="no longer computes the function .* edited.* snakemake --cores all --force"):
        load_network(path)


def test_a_file_of_this_project_in_a_network_of_other_options_is_refused(tmp_path):
    path = saved(tmp_path / "n.safetensors", built(activation="softplus"), activation="softplus")
    with pytest.raises(NetworkError, match=r"no longer computes .*: it was built with architecture lenet, .* softplus"):
        built(weights=path)


def test_a_network_that_trains_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"training mode; call network\.eval"):
        saved(tmp_path / "n.safetensors", built().train())


def test_a_sub_network_gives_the_logits_of_its_classes_in_their_order(tmp_path):
    whole, images = built(classes=7), torch.rand(4, 3, 32, 32)
    network = built(classes=7, columns=torch.tensor([5, 0, 2]))
    network.body.load_state_dict(whole.body.state_dict())
    assert torch.equal(network(images), whole(images)[:, [5, 0, 2]])
    path = saved(tmp_path / "n.safetensors", network, classes=7)
    torch.testing.assert_close(load_network(path)(images), network(images))
    load_weights(whole.body, read_weights(path), "its body alone")


@pytest.mark.parametrize("again", [load_network, lambda path: built(weights=path)])
def test_directions_that_a_network_removes_change_nothing(tmp_path, again):
    removed = torch.linalg.qr(torch.randn(COLOUR.size, 7)).Q
    saved(tmp_path / "n.safetensors", built(removed=removed))
    network, images = again(tmp_path / "n.safetensors"), torch.rand(4, 3, 32, 32, requires_grad=True)
    along = (torch.randn(4, 7) @ removed.T).reshape(images.shape)
    torch.testing.assert_close(network(images + along), network(images))
    (gradients,) = torch.autograd.grad(network(images).square().sum(), images)
    inside = gradients.flatten(1) @ removed
    assert inside.norm() < 1e-5 * gradients.norm()
    assert network.preprocessing() == "mean image; deviation 0.25; without 7 directions"
    mean = torch.full((1, 3, 32, 32), 0.5)  # has nothing to remove
    before, network.removed = network(mean), None
    torch.testing.assert_close(network(mean), before)


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"not weights at all, but long enough"])
def test_a_damaged_network_is_told(tmp_path, content):
    path = tmp_path / "n.safetensors"
    path.write_bytes(content)
    with pytest.raises(NetworkError, match="is damaged .* recreate it with: snakemake --cores all --force"):
        load_network(path)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("form", ["safetensors", "bare", "state_dict", "model_state_dict", "model"])
def test_weights_are_read_from_safetensors_state_dicts_and_checkpoints(tmp_path, form, prefix):
    state = built().body.state_dict()
    kept, path = {prefix + name: value for name, value in state.items()}, tmp_path / f"w.{form}"
    if form == "safetensors":
        save_file(kept, path)
    else:
        torch.save(kept if form == "bare" else {"epoch": 3, form: kept}, path)
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
            r"does not accept images of shape \(3, 20, 20\): .*size",
        ),
        (
            torch.rand(1, 3, 32, 32),
            9,
            r"returns logits of shape \(1, 10\) .*; 9 classes need",
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
    """A pickle of this creates a folder when it is loaded."""

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
    with pytest.raises(NetworkError, match=r"hold a (dict with the keys epoch|list), not a state dict of tensors"):
        read_weights(tmp_path / "w.pt")


def test_a_network_that_is_called_module_keeps_its_names():
    network, other = (torch.nn.Sequential(OrderedDict(module=built().body)) for _ in range(2))
    load_weights(network, other.state_dict(), "w.pt")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("normalisation", "said"),
    [
        ("none", "none"),
        ("dataset", "mean image; deviation 0.25"),
        ({"mean": [0.5], "std": [0.2, 0.3, 0.4]}, "mean 0.5; deviation 0.2, 0.3, 0.4"),
    ],
)
def test_preprocessing_is_said_in_words(normalisation, said):
    assert built(normalisation=normalisation).preprocessing() == said


def test_probabilities_are_refused():
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3), torch.nn.Softmax(1))
    with pytest.raises(NetworkError, match=r"returns probabilities, .* and not logits; remove the softmax at its end"):
        check_logits(body, torch.rand(1, 3, 2, 2), 3, "mine")
    check_logits(body[:2], torch.rand(1, 3, 2, 2), 3, "mine")


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(NetworkError, match=r"w\.pt do not exist"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"classes": 11},
            r"belong to another architecture: 9\.weight is \(11, 125\) there and \(10, 125\) in the network",
        ),
        (
            {"architecture": "nin"},
            r"belong to another architecture: 0\.weight is \(48, 3, 5, 5\) there and \(5, 3, 5, 5\)",
        ),
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


@pytest.mark.parametrize(
    ("expected", "tolerance", "fails"),
    [(None, 0, False), (0.86, 0, False), (0.9, 0.02, True), (0.9, 0.03, False), (0.143, 0.02, True)],
)
def test_a_network_of_another_accuracy_than_expected_is_refused(expected, tolerance, fails):
    if fails:
        way_out = "check it, or " if expected > 0.85 else ""
        with pytest.raises(
            NetworkError,
            match=r"the network has test accuracy 85\.0% \(95 % interval 82\.7% to 87\.1%\), but "
            rf"networks\.expected_accuracy is {expected:.1%}; {way_out}change networks\.expected_accuracy",
        ):
            check_accuracy(850, 1000, expected, tolerance, "the network", "check it")
    else:
        check_accuracy(850, 1000, expected, tolerance, "the network", "check it")


def test_a_network_that_depends_on_its_batch_is_refused(faults):
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    body = [torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 3)]
    check_alone(torch.nn.Sequential(*body).eval(), images, "mine:net")
    body.insert(1, torch.nn.BatchNorm2d(4, track_running_stats=False))
    with pytest.raises(NetworkError, match="'mine:net' returns different logits for a batch than for single images"):
        check_alone(torch.nn.Sequential(*body).eval(), images, "mine:net")
    faults.count("told", "a network that depends on its batch")


class FaultyKernel(torch.autograd.Function):
    """The identity, with half the gradient at every other row where what it gets is channels last."""

    @staticmethod
    def forward(context, images):
        context.last = images.is_contiguous(memory_format=torch.channels_last)
        return images.clone()

    @staticmethod
    def backward(context, gradient):
        gradient = gradient.clone()
        gradient[:, :, ::2] *= 0.5 if context.last else 1
        return gradient


class Faulty(nn.Module):
    def forward(self, images):
        return FaultyKernel.apply(images)


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        (
            Faulty(),
            r"'mine:net' has other gradients on cpu, channels last, than on the CPU, by \d\d%: a fault of PyTorch",
        ),
        (nn.Threshold(1e9, 0.5), None),
        (nn.Identity(), None),
    ],
)
def test_a_network_whose_gradients_its_device_computes_wrongly_is_refused(middle, message, faults):
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), middle, nn.ReLU(), nn.AvgPool2d(4), nn.Flatten()).eval()
    if message is None:
        assert placed(network, "cpu", (3, 32, 32), "mine:net") is network
        return
    with pytest.raises(NetworkError, match=message):
        placed(network, "cpu", (3, 32, 32), "mine:net")
    faults.count("told", "a kernel with wrong gradients")


def test_a_network_without_gradients_is_refused():
    class Detached(nn.Module):
        def forward(self, images):
            return images.detach().mean((2, 3))

    with pytest.raises(NetworkError, match="'mine:net' has no gradient at its images, which attacks need"):
        placed(Detached(), "cpu", (3, 8, 8), "mine:net")
