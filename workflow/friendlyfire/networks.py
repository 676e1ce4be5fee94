"""Networks that own their preprocessing: images in [0, 1] in, logits out, whatever the architecture.

So every image, perturbation and norm outside a network is in the same units, pixels in [0, 1].
"""

import hashlib
import importlib
import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from friendlyfire.architectures import ARCHITECTURES, build_architecture
from friendlyfire.devices import images_at_once
from friendlyfire.errors import NetworkError
from friendlyfire.intervals import wilson_interval

#: Channel means and deviations that most ImageNet networks were trained with.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def as_pixels(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """uint8 images as float32 pixels in [0, 1], the units that every :class:`Network` takes."""
    return torch.from_numpy(images).to(device).to(torch.float32) / 255


class Network(nn.Module):
    """A classifier with its preprocessing inside.

    Args:
        body: normalised images (n, channels, height, width) to logits (n, classes).
        mean: what is subtracted from the pixels; broadcast against (channels, height, width).
        deviation: what they are divided by; likewise.
    """

    def __init__(self, body: nn.Module, mean: Tensor, deviation: Tensor):
        super().__init__()
        self.body = body
        self.register_buffer("mean", mean.to(torch.float32))
        self.register_buffer("deviation", deviation.to(torch.float32))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of ``images`` (n, channels, height, width), pixels in [0, 1]."""
        return self.body((images - self.mean) / self.deviation)


def build_body(
    settings: Mapping[str, Any], shape: tuple[int, int, int], classes: int, pretrained: bool = False
) -> nn.Module:
    """The network that the section ``networks`` names, without preprocessing.

    Args:
        settings: ``architecture`` is one of ours (lenet, nin, alexnet), ``torchvision/<name>``, ``timm/<name>`` or
            ``package.module:factory``; a factory is called with the number of classes and returns a module.
        shape: (channels, height, width) of the images.
        classes: number of classes.
        pretrained: take the weights that torchvision or timm publish, downloading them if need be.

    Raises:
        NetworkError: there is no such network, it cannot be built, or it has no published weights.
    """
    name = settings["architecture"]
    try:
        if name in ARCHITECTURES:
            options = {key: settings[key] for key in ("width", "activation", "pooling")}
            return build_architecture(name, shape, classes, **options)
        if name.startswith("torchvision/"):
            import torchvision

            size = {} if pretrained else {"num_classes": classes}
            return torchvision.models.get_model(
                name.removeprefix("torchvision/"), weights="DEFAULT" if pretrained else None, **size
            )
        if name.startswith("timm/"):
            import timm

            return timm.create_model(
                name.removeprefix("timm/"), pretrained=pretrained, num_classes=classes, in_chans=shape[0]
            )
        module, _, factory = name.partition(":")
        body = getattr(importlib.import_module(module), factory)(classes)
    except Exception as error:  # A user's factory may raise anything; all of it is told in one line.
        raise NetworkError(f"network {name!r} cannot be built: {type(error).__name__}: {error}") from error
    if not isinstance(body, nn.Module):
        raise NetworkError(f"network {name!r}: the factory returned a {type(body).__name__}, not a torch.nn.Module")
    return body


def build_network(
    settings: Mapping[str, Any], mean: np.ndarray, deviation: float, classes: int, pretrained: bool = False
) -> Network:
    """The network that the section ``networks`` describes, with its preprocessing; in evaluation mode.

    Args:
        settings: see :func:`build_body`; ``normalisation`` is "dataset" (subtract the mean image, divide by the
            deviation of the training pixels), "imagenet", "none" (the body takes pixels), or {mean: [...], std: [...]}.
        mean: mean image of the training set, (channels, height, width).
        deviation: standard deviation of its pixels.
        classes: number of classes.
        pretrained: see :func:`build_body`.
    """
    match settings["normalisation"]:
        case "dataset":
            centre, scale = torch.from_numpy(mean), torch.tensor(deviation)
        case "imagenet":
            centre, scale = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        case "none":
            centre, scale = torch.tensor(0.0), torch.tensor(1.0)
        case custom:
            centre, scale = (torch.tensor(custom[key], dtype=torch.float32)[:, None, None] for key in ("mean", "std"))
    return Network(build_body(settings, mean.shape, classes, pretrained), centre, scale).eval()


def read_weights(path: str | os.PathLike) -> dict[str, Tensor]:
    """A state dict from a safetensors file or a ``torch.save`` file; never a pickled object.

    Of a network that :func:`save_network` wrote, it is the body's, without the preprocessing.

    Raises:
        NetworkError: the file is missing, is not one of these, or holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise NetworkError(f"weights {path} are not there")
    try:
        if path.suffix == ".safetensors":
            state, _ = _read_safetensors(path)
            bodies = {name.removeprefix("body."): value for name, value in state.items() if name.startswith("body.")}
            return bodies if len(bodies) + 2 == len(state) and {"mean", "deviation"} < set(state) else state
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        pickled = isinstance(error, pickle.UnpicklingError)
        reason = "it holds pickled objects, which are not loaded" if pickled else str(error).splitlines()[0]
        raise NetworkError(
            f"weights {path} are not a safetensors file or a state dict of tensors ({reason}); "
            "save them with safetensors.torch.save_file(model.state_dict(), ...)"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise NetworkError(f"weights {path} hold a {type(state).__name__}, not a state dict of tensors")
    return state


def load_weights(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load ``state`` into ``module``, all or nothing.

    Raises:
        NetworkError: the names or shapes differ, or a weight is not finite; with the first difference.
    """
    own = module.state_dict()
    for name in [*own, *state]:
        here, there = (tuple(side[name].shape) if name in side else "absent" for side in (own, state))
        if here != there:
            raise NetworkError(
                f"weights {source} are of another architecture: {name} is {there} there and {here} in the network "
                f"({len(state)} and {len(own)} tensors)"
            )
        if state[name].is_floating_point() and not state[name].isfinite().all():
            raise NetworkError(f"weights {source}: {name} holds values that are not finite")
    module.load_state_dict(state)


def contents_of(state: Mapping[str, Tensor]) -> str:
    """Sixteen hex digits that stand for the tensors of a state dict (SHA-256); safetensors has no checksum."""
    total = hashlib.sha256()
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()[:16]


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """Tensors, and the record of a network that :func:`save_network` wrote; a ValueError if they are other tensors."""
    with safe_open(path, "pt") as file:
        record = json.loads((file.metadata() or {}).get("friendlyfire", "null"))
    state = load_file(path)
    if record and contents_of(state) != record["contents"]:
        raise ValueError("its weights are not those that were written")
    return state, record


def save_tensors(path: str | os.PathLike, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside ``path`` and move it there; an OSError if the disk does not take it."""
    partial = Path(f"{path}.partial")
    try:
        save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, partial, dict(metadata))
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)  # safetensors lets nobody else read it
        os.replace(partial, path)
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def save_network(path: str | os.PathLike, network: Network, record: Mapping[str, Any]) -> None:
    """Write the weights, preprocessing included, and ``record``."""
    state = network.state_dict()
    save_tensors(path, state, {"friendlyfire": json.dumps({**record, "contents": contents_of(state)})})


def load_network(path: str | os.PathLike, device: torch.device | str = "cpu") -> Network:
    """A network as :func:`save_network` left it: in evaluation mode, channels last, without weight gradients.

    The record must hold ``settings`` (section ``networks``), ``shape`` and ``classes``.

    Raises:
        NetworkError: the file is missing, damaged, or not written by :func:`save_network`.
    """
    path = Path(path)
    if not path.is_file():
        raise NetworkError(f"{path} is missing; make it with: snakemake --cores all {path}")
    try:
        state, record = _read_safetensors(path)
        if record is None:
            raise ValueError("it has no record")
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        raise NetworkError(
            f"{path} is damaged ({error}); make it again with: snakemake --cores all --force {path}"
        ) from error
    body = build_body(record["settings"], tuple(record["shape"]), record["classes"])
    network = Network(body, torch.empty_like(state["mean"]), torch.empty_like(state["deviation"]))
    load_weights(network, state, str(path))
    # Channels last is 1.3 to 2 times faster for convolutions, on CPUs and GPUs alike.
    return network.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def predict(network: nn.Module, images: Tensor, batch_size: int | None = None) -> Tensor:
    """Logits (n, classes) of ``images``, batch by batch."""
    return torch.cat([network(batch) for batch in images.split(batch_size or images_at_once(network, images))])


def check_logits(network: nn.Module, image: Tensor, classes: int, name: str) -> None:
    """Refuse a network that does not take the images or does not tell the classes.

    Args:
        network: in evaluation mode.
        image: (1, channels, height, width).
        classes: how many there are.
        name: of the architecture.

    Raises:
        NetworkError: it fails on the image, or its logits are not (1, classes) and finite.
    """
    try:
        with torch.no_grad():
            logits = network(image)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise NetworkError(
            f"network {name!r} does not take images of shape {tuple(image.shape[1:])}: {reason}"
        ) from error
    if logits.shape != (1, classes) or not logits.isfinite().all():
        raise NetworkError(
            f"network {name!r} gives logits of shape {tuple(logits.shape)} for an image, all finite: "
            f"{bool(logits.isfinite().all())}; (1, {classes}) finite ones are needed for {classes} classes"
        )


def check_above_chance(correct: int, images: int, majority: float, name: str, way_out: str) -> None:
    """Refuse a network that classifies no better than always naming the most frequent class.

    Args:
        correct: how many test images it classifies correctly.
        images: how many there are.
        majority: fraction of the most frequent class among them.
        name: what to call the network.
        way_out: what to do about it.

    Raises:
        NetworkError: the 95 % interval of the accuracy does not lie above ``majority``.
    """
    low, high = wilson_interval(correct, images)
    if low <= majority:
        raise NetworkError(
            f"{name} is at chance: test accuracy {correct / images:.1%} (95 % interval {low:.1%} to {high:.1%}), "
            f"most frequent class {majority:.1%}; {way_out}"
        )
