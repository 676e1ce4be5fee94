"""Every function on tensors runs on their device: on the CPU, on a GPU if there is one, on a pretended GPU."""

import copy
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import pretended_gpu
from conftest import REPOSITORY, TRAINING

SMOOTH = {"activation": "softplus", "pooling": "average", "epochs": 30}


@contextmanager
def device_of(name: str) -> Iterator[torch.device]:
    """Yield the device with a name for the block."""
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    if name != pretended_gpu.NAME:
        yield torch.device(name)
        return
    with pretended_gpu.pretended_gpu() as device:
        yield device


class Things:
    """Arguments of the functions below, on one device; ``library`` imports modules of the library."""

    def __init__(self, device, network, smooth, digits, tmp_path):
        self.device, self.path = device, tmp_path / "network.safetensors"
        self.network, self.smooth = (copy.deepcopy(one).to(device).eval() for one in (network, smooth))
        (train, train_labels), (test, labels) = digits["train"], digits["test"]
        self.pixels, self.labels = test[:48].to(device), labels[:48].to(device)
        self.images = self.pixels.float() / 255
        self.train, self.train_labels = train[:256].to(device), train_labels[:256].to(device)
        self.mean = (train.float() / 255).mean(0).to(device)
        self.basis = torch.from_numpy(np.linalg.qr(np.random.default_rng(0).standard_normal((64, 20)))[0]).float()
        self.basis = self.basis.to(device)
        self.sources = self.network(self.images).argmax(1).detach()
        self.targets = (self.sources + 1) % 10

    @staticmethod
    def library(module: str):
        return importlib.import_module(f"friendlyfire.{module}")


def deepfool(things: Things, *targets: Tensor, **options) -> list:
    found = things.library("attacks.deepfool").deepfool(things.network, things.images, *targets, **options)
    return [found.perturbations, found.statuses, found.reached, found.iterations]


def trained(things: Things) -> list:
    """Train three epochs with all options of a training but reduced precision, from fixed weights."""
    network = copy.deepcopy(things.network).requires_grad_(True)
    settings = {**TRAINING, "epochs": 3, "flip": True, "crop_padding": 1, "mixed_precision": False}
    split = (things.train, things.train_labels)
    with things.library("devices").full_float32():
        for epoch, state in things.library("networks.training").train(
            network, split, (things.pixels, things.labels), settings, 0
        ):
            pass
    return [np.array([epoch.train_loss, epoch.train_accuracy]), *(value for _, value in sorted(state.items()))]


def loaded(things: Things) -> list:
    """A network that is saved, and loaded again to the device."""
    networks = things.library("networks.network")
    record = {"settings": TRAINING, "shape": (1, 8, 8), "classes": 10}
    networks.save_network(things.path, things.network, record, things.pixels[:4])
    return [networks.predict(networks.load_network(things.path, things.device), things.images)]


def universal(things: Things) -> list:
    options = {"radius": 2.0, "max_passes": 1, "generator": torch.Generator().manual_seed(0)}
    found = things.library("attacks.universal").universal(
        things.network, things.images[:16], things.images[16:], **options
    )
    return [found.perturbation, np.array(found.rates)]


def hessian(kind: str) -> Callable[[Things], list]:
    def product(things: Things) -> list:
        hessians = things.library("curvature.hessians")
        if kind == "exact":
            operator = hessians.ExactHessian(things.smooth, things.images[:8], 3, things.sources[:8])
        elif kind == "one-sided":
            operator = hessians.OneSidedHessian(things.smooth, things.images[:8], 3, things.sources[:8], 0.01)
        else:
            operator = hessians.DifferenceHessian(things.network, things.images[:8], 3, things.sources[:8], 0.3)
        return [operator @ np.eye(64)[:, :20]]

    return product


def boundary(things: Things) -> list:
    found = things.library("curvature.boundary").find_boundary(things.network, things.images, 3)
    return [found.points, found.sources, found.rivals, found.margins]


def accuracy(things: Things) -> list:
    accuracy, batches = things.library("measures.accuracy"), [(things.images, things.labels)]
    return [accuracy.correct_by_rank(things.network, batches, things.mean, things.basis, [0, 5, 20])]


def scores(things: Things) -> list:
    direction, steps = things.basis[:, 0].reshape(1, 8, 8), torch.linspace(-1, 1, 9, device=things.device)
    along = things.library("measures.curves").scores_along
    return [along(things.network, things.images, direction, steps, anchored=anchored) for anchored in (False, True)]


def leading(things: Things) -> list:
    """Leading singular vectors of Jacobians of the logits, without a Gram matrix; as a projection, without signs."""
    gradients = things.library("bases.gradients")
    rows = gradients.logit_jacobians(things.network, things.images).flatten(0, 1)
    vectors, values = gradients.leading_directions(lambda: rows.split(50), 64, 5, seed=0)
    return [vectors @ vectors.T, values]


def drawn(things: Things) -> list:
    """Gradients of a network that is drawn like the one of a file."""
    networks, gradients = things.library("networks.network"), things.library("bases.gradients")
    record = {"settings": TRAINING, "shape": (1, 8, 8), "classes": 10}
    networks.save_network(things.path, things.network, record, things.pixels[:4])
    draw = partial(networks.draw_network, things.path, things.network)
    basis = gradients.untrained_basis(draw, 20, things.images[:4], 64, 3, seed=0)
    return [basis.vectors @ basis.vectors.T, basis.scores]


def resampled(things: Things) -> list:
    resampling = things.library("networks.resampled")
    unit = resampling.Resampled(things.network, things.mean, 5).eval()
    return [unit(things.images), resampling.resampled(things.images - things.mean, 4)]


#: Name of each case, and a function of :class:`Things` that returns tensors or arrays.
CASES: dict[str, Callable[[Things], list]] = {
    "deepfool": deepfool,
    "deepfool to targets": lambda t: deepfool(t, t.targets.cpu()),
    "deepfool in a basis": lambda t: deepfool(t, basis=t.basis),
    "deepfool in blocks": lambda t: deepfool(t, basis=t.basis, blocks=[(0, 8), (5, 20)]),
    "heat map": lambda t: t.library("measures.heatmap").misclassified(
        t.network, t.images, t.labels, [None, (1, 2)], 0.2, np.random.default_rng(0)
    ),
    "deepfool, refined in bounds": lambda t: deepfool(t, refine=5, bounds=(0, 1))[1:3],
    "deepfool, refined in bounds and a basis": lambda t: deepfool(t, basis=t.basis, refine=5, bounds=(0, 1))[1:3],
    "fgsm": lambda t: [t.library("attacks.fgsm").fgsm(t.network, t.images, epsilon=0.1)],
    "saliency": lambda t: [t.library("attacks.saliency").saliency(t.network, t.images, t.labels)],
    "universal": universal,
    "foolbox": lambda t: [
        t.library("attacks.foolbox").foolbox_perturbations(
            t.network, t.images, "L2FastGradientAttack", seed=0, epsilon=0.5
        )
    ],
    "predict": lambda t: [t.library("networks.network").predict(t.network, t.images)],
    "pixels": lambda t: [t.library("networks.network").as_pixels(t.pixels.cpu().numpy(), t.device)],
    "load": loaded,
    "train": trained,
    "count": lambda t: [np.array(t.library("networks.training").count_correct(t.network, t.pixels, t.labels))],
    "boundary": boundary,
    "hessian by differences": hessian("differences"),
    "hessian by one-sided differences": hessian("one-sided"),
    "hessian, exact": hessian("exact"),
    "accuracy": accuracy,
    "scores": scores,
    "resampling": resampled,
    "jacobians": lambda t: [t.library("bases.gradients").logit_jacobians(t.network, t.images)],
    "leading directions": leading,
    "untrained": drawn,
    "acceptance": lambda t: [
        t.library("networks.acceptance").logits_of(t.network, t.images, "lenet"),
        np.array(t.library("networks.acceptance").check_logits(t.network, t.images[:1], 10, "lenet") is None),
    ],
}

#: Cases in which rounding, which a GPU does otherwise, decides: the sign of a small gradient, its direction after
#: normalisation, how often a long attack steps.
DECIDED_BY_ROUNDING = {"deepfool to targets", "fgsm", "foolbox"}

#: Code of the library that a GPU needs, its replacement without GPU support, and the case that must then fail.
MUTANTS = [
    ("attacks.deepfool", "targets = targets.to(images.device, torch.long)", "targets = targets.long()",
     "deepfool to targets"),
    ("attacks.deepfool", "Status.NOT_CONVERGED, device=images.device)", "Status.NOT_CONVERGED)", "deepfool"),
    ("attacks.deepfool", "torch.arange(len(active), device=images.device)", "torch.arange(len(active))",
     "deepfool in blocks"),
    ("measures.heatmap", "signs.to(images)", "signs", "heat map"),
    ("measures.curves", ".double().cpu().numpy()", ".double().numpy()", "scores"),
    ("curvature.hessians", "change.cpu() / (self.ends", "change / (self.ends", "hessian by differences"),
    ("networks.training", "generator=generator).to(device)", "generator=generator)", "train"),
    ("networks.training", "torch.randint(2 * crop_padding + 1, (2, n), generator=generator).to(images.device)",
     "torch.randint(2 * crop_padding + 1, (2, n), generator=generator)", "train"),
    ("bases.gradients", "gram.cpu().numpy()", "gram.numpy()", "leading directions"),
    ("bases.gradients", "basis = basis.to(block.device)", "basis = basis", "leading directions"),
    ("networks.network", "body.to(like.mean.device, ", "body.to(", "untrained"),
    ("measures.accuracy", ".cpu().numpy())", ".numpy())", "accuracy"),
]  # fmt: skip


@pytest.fixture
def made(trained, digits, tmp_path):
    """A function that returns :class:`Things` on a device."""
    return lambda device: Things(device, trained(), trained(**SMOOTH), digits, tmp_path)


def as_arrays(values: list) -> list[np.ndarray]:
    return [value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value) for value in values]


@pytest.mark.parametrize("device", [pretended_gpu.NAME, "cuda"])
@pytest.mark.parametrize("case", CASES)
def test_a_function_gives_on_a_device_what_it_gives_on_the_cpu(made, device, case):
    expected = as_arrays(CASES[case](made("cpu")))
    with device_of(device) as place:
        values = CASES[case](made(place))
        assert all(value.device.type == device for value in values if isinstance(value, Tensor) and value.dim())
        found = as_arrays(values)
    tolerance = 1e-6 if device == pretended_gpu.NAME else 1e-3
    share = 0.95 if device == "cuda" and case in DECIDED_BY_ROUNDING else 1
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.isclose(one.astype(float), other.astype(float), rtol=tolerance, atol=tolerance).mean() >= share


@pytest.mark.parametrize(("module", "line", "without", "case"), MUTANTS)
def test_what_a_gpu_needs_is_missed_on_the_pretended_one(made, monkeypatch, module, line, without, case):
    name = f"friendlyfire.{module}"
    path = Path(REPOSITORY, "workflow", *name.split(".")).with_suffix(".py")
    source = path.read_text()
    assert source.count(line) == 1
    mutant = type(sys)(name)
    monkeypatch.setitem(sys.modules, name, mutant)
    exec(compile(source.replace(line, without), str(path), "exec"), mutant.__dict__)
    with device_of(pretended_gpu.NAME) as place:
        things = made(place)
        with pytest.raises((RuntimeError, TypeError), match=pretended_gpu.NAME):
            CASES[case](things)
