"""Networks that contain their preprocessing: images in [0, 1] in, logits out, for every architecture.

Every image, perturbation and norm outside a network therefore has the same units, pixels in [0, 1].
"""

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from friendlyfire.datasets.images import Dataset
from friendlyfire.declarations import declared, function_at
from friendlyfire.devices import full_float32, images_at_once, seeded
from friendlyfire.networks.acceptance import PROBES, logits_of, placed
from friendlyfire.networks.headers import RECORD, record_of
from friendlyfire.networks.structure import attributes_of, restore_attributes
from friendlyfire.networks.weights import contents_of, load_weights, read_safetensors, read_weights, save_tensors
from friendlyfire.records.errors import NetworkError, in_a_line

#: Channel means and deviations that most ImageNet networks were trained with.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: Keys of the section ``networks`` that are options of our own architectures.
BODY_OPTIONS = ("width", "activation", "pooling")

#: Largest accepted difference from the stored logits, relative to the largest logit. Processors differ by about 1e-5.
PROBE_TOLERANCE = 1e-3


def as_pixels(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Convert uint8 images to float32 pixels in [0, 1], the units of every :class:`Network`."""
    return torch.from_numpy(images).to(device).to(torch.float32) / 255


def mean_pixels(dataset: Dataset, device: torch.device | str = "cpu") -> Tensor:
    """Return the mean image of a data set in the units of :func:`as_pixels`: (channels, height, width)."""
    return torch.from_numpy(dataset.mean).float().to(device)


@full_float32()
def without_directions(images: Tensor, mean: Tensor, vectors: Tensor) -> Tensor:
    """Remove the components of images along some directions: mean + (1 - Q Q') (i - mean).

    The mean image keeps its component, as wherever images are projected.

    Args:
        images: (n, channels, height, width), pixels in [0, 1].
        mean: mean image of the training set, (channels, height, width).
        vectors: (d, k) orthonormal columns.

    Returns:
        Images of the same shape; their pixels may leave [0, 1].
    """
    centred = (images - mean).flatten(1)
    return images - (centred @ vectors @ vectors.T).reshape(images.shape)


class Network(nn.Module):
    """A classifier with its preprocessing inside.

    Args:
        body: normalised images (n, channels, height, width) to logits (n, logits).
        mean: subtracted from the pixels; broadcast against (channels, height, width).
        deviation: divisor of the pixels; broadcast likewise.
        columns: (classes,) indices of the logits that stand for the classes of the images, in their order (the
            sub-network of these classes); None for all.
        removed: (d, k) orthonormal directions, along which all images get the component of ``mean``; None for none.
    """

    def __init__(
        self,
        body: nn.Module,
        mean: Tensor,
        deviation: Tensor,
        columns: Tensor | None = None,
        removed: Tensor | None = None,
    ):
        super().__init__()
        self.body = body
        self.register_buffer("mean", mean.to(torch.float32))
        self.register_buffer("deviation", deviation.to(torch.float32))
        self.register_buffer("columns", columns)
        self.register_buffer("removed", removed)

    def all_logits(self, images: Tensor) -> Tensor:
        """Return all logits (n, logits) of ``images``, including those that stand for no class of the images."""
        if self.removed is not None:
            images = without_directions(images, self.mean, self.removed)
        return self.body((images - self.mean) / self.deviation)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (n, classes) of ``images`` (n, channels, height, width), pixels in [0, 1]."""
        logits = self.all_logits(images)
        return logits if self.columns is None else logits[:, self.columns]

    def preprocessing(self) -> str:
        """State what is subtracted from pixels in [0, 1], what they are divided by, and what is removed."""
        mean, deviation = (
            ", ".join(f"{value:.3g}" for value in buffer.flatten().tolist()) if buffer.numel() <= 3 else "image"
            for buffer in (self.mean, self.deviation)
        )
        found = [] if (mean, deviation) == ("0", "1") else [f"mean {mean}", f"deviation {deviation}"]
        if self.removed is not None:
            found.append(f"without {self.removed.shape[1]} directions")
        return "; ".join(found) or "none"


def build_body(
    settings: Mapping[str, Any], shape: tuple[int, int, int], classes: int, pretrained: bool = False
) -> nn.Module:
    """Build the network that the section ``networks`` names, without preprocessing.

    Args:
        settings: ``architecture`` is one of ours (lenet, nin, alexnet), ``torchvision/<name>``, ``timm/<name>`` or
            ``package.module:factory``; a factory is called with the number of classes and returns a module.
        shape: (channels, height, width) of the images.
        classes: number of classes; published weights have their own number.
        pretrained: load the weights that torchvision or timm publish, and download them if necessary.

    Raises:
        NetworkError: there is no such network, it cannot be built, or it has no published weights.
    """
    name = settings["architecture"]
    try:
        if kind := declared("architectures").get(name):
            if shape[1] < kind["smallest_side"]:
                raise ValueError(f"it needs images of at least {kind['smallest_side']} pixels per side, not {shape[1]}")
            return function_at(kind["make"])(shape, classes, **{key: settings[key] for key in BODY_OPTIONS})
        size = {} if pretrained else {"num_classes": classes}
        if name.startswith("torchvision/"):
            import torchvision

            return torchvision.models.get_model(
                name.removeprefix("torchvision/"), weights="DEFAULT" if pretrained else None, **size
            )
        if name.startswith("timm/"):
            import timm

            return timm.create_model(name.removeprefix("timm/"), pretrained=pretrained, in_chans=shape[0], **size)
        module, _, factory = name.partition(":")
        body = getattr(importlib.import_module(module), factory)(classes)
    except (Exception, SystemExit) as error:  # A user's factory may raise anything.
        how = "; a factory is called with the number of classes" if ":" in name else ""
        raise NetworkError(f"network {name!r} cannot be built: {in_a_line(error)}{how}") from error
    if not isinstance(body, nn.Module):
        raise NetworkError(f"network {name!r}: the factory returned a {type(body).__name__}, not a torch.nn.Module")
    return body


def build_network(
    settings: Mapping[str, Any],
    mean: np.ndarray,
    deviation: float,
    classes: int,
    weights: str | os.PathLike[str] | None = None,
    columns: Tensor | None = None,
    removed: Tensor | None = None,
) -> Network:
    """Build the network that the section ``networks`` describes, with its preprocessing, in evaluation mode.

    Args:
        settings: see :func:`build_body`; ``normalisation`` is "dataset" (subtract the mean image, divide by the
            deviation of the training pixels), "imagenet", "none" (the body takes pixels), {mean: [...], std: [...]}, or
            None. None means "dataset" without weights, the published normalisation for published weights, and the
            stored one for a file of :func:`save_network`.
        mean: mean image of the training set, (channels, height, width).
        deviation: standard deviation of the training pixels.
        classes: number of classes of the body.
        weights: "published", a file, or None for random weights.
        columns: see :class:`Network`.
        removed: likewise; a file of :func:`save_network` brings its own.

    Raises:
        NetworkError: the network cannot be built, the weights do not fit it, or they do not record how images are
            normalised.
    """
    carried = None
    if weights not in (None, "published") and record_of(weights):
        stored = load_network(weights, settings=settings)
        body, carried, removed = stored.body, (stored.mean, stored.deviation), stored.removed
    else:
        body = build_body(settings, mean.shape, classes, weights == "published")
        if weights == "published":
            carried = _per_channel(*published_normalisation(settings["architecture"], body))
        elif weights is not None:
            load_weights(body, read_weights(weights), str(weights))
    match settings["normalisation"]:
        case None if carried is not None:
            centre, scale = carried
        case None if weights is not None:
            raise NetworkError(f"weights {weights} do not record how images are normalised; set networks.normalisation")
        case "dataset" | None:
            centre, scale = torch.from_numpy(mean), torch.tensor(deviation)
        case "imagenet":
            centre, scale = _per_channel(IMAGENET_MEAN, IMAGENET_DEVIATION)
        case "none":
            centre, scale = torch.tensor(0.0), torch.tensor(1.0)
        case custom:
            centre, scale = _per_channel(custom["mean"], custom["std"])
    return Network(body, centre, scale, columns, removed).eval()


def _per_channel(*values) -> tuple[Tensor, ...]:
    return tuple(torch.tensor(value, dtype=torch.float32)[:, None, None] for value in values)


def published_normalisation(name: str, body: nn.Module) -> tuple[list[float], list[float]]:
    """Return the channel means and deviations that torchvision or timm publish with a network's weights."""
    if name.startswith("timm/"):
        return body.pretrained_cfg["mean"], body.pretrained_cfg["std"]
    import torchvision

    transforms = torchvision.models.get_model_weights(name.removeprefix("torchvision/")).DEFAULT.transforms()
    return transforms.mean, transforms.std


def record_of_network(
    dataset: Dataset, section: Mapping[str, Any], seed: int, row: Mapping[str, Any], names: list[str] | None = None
) -> dict[str, Any]:
    """Return the record that is stored with a network and that :func:`load_network` needs.

    Args:
        dataset: the data set that the network classifies.
        section: ``networks``.
        seed: the seed of the configuration.
        row: table row of its accuracy, see :func:`.accepted`.
        names: names of all logits; None if these are the classes of the data set.
    """
    return {
        "experiment": row["experiment"],
        "settings": dict(section),
        "seed": seed,
        "shape": dataset.shape,
        "classes": row["logits"],
        "names": names,
        "test_accuracy": row["accuracy"],
        "units": "images: pixels in [0, 1]",
    }


def save_network(
    path: str | os.PathLike[str], network: Network, record: Mapping[str, Any], images: Tensor | None = None
) -> None:
    """Write the weights, the preprocessing, ``record``, and the network's logits on a few images.

    Args:
        path: of the file.
        network: in evaluation mode.
        record: the entries that :func:`load_network` needs, and any others to store.
        images: uint8 (n, channels, height, width); the first :data:`PROBES` are stored; None for noise.

    Raises:
        ValueError: the network is in training mode.
    """
    if network.training:
        raise ValueError("the network is in training mode; call network.eval() first")
    if images is None:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(256, (PROBES, *record["shape"]), dtype=torch.uint8, generator=generator)
    probes = images[:PROBES].to(network.mean.device)
    logits = _probed(network, probes, record["settings"]["architecture"])
    state = {**network.state_dict(), "probe.images": probes, "probe.logits": logits}
    record = {**record, "modules": attributes_of(network.body), "contents": contents_of(state)}
    save_tensors(path, state, {RECORD: json.dumps(record)})


def load_network(
    path: str | os.PathLike[str], device: torch.device | str = "cpu", settings: Mapping[str, Any] | None = None
) -> Network:
    """Load a network that :func:`save_network` wrote: in evaluation mode, channels last, without weight gradients.

    Args:
        path: of the file; its record must hold ``settings`` (section ``networks``), ``shape`` and ``classes``.
        device: device of the network.
        settings: the section ``networks`` to build the network from; by default that of the record.

    Raises:
        NetworkError: the file is missing, damaged, or not written by :func:`save_network`, or the rebuilt network
            computes a different function than the stored one.
    """
    path = Path(path)
    if not path.is_file():
        raise NetworkError(f"{path} is missing; create it with: snakemake --cores all {path}")
    try:
        state, record = read_safetensors(path)
        if "modules" not in record:
            raise ValueError("it has no record, or the record of an older version")
        probes, logits = state.pop("probe.images"), state.pop("probe.logits")
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        raise NetworkError(
            f"{path} is damaged ({error}); recreate it with: snakemake --cores all --force {path}"
        ) from error
    body = build_body(settings or record["settings"], tuple(record["shape"]), record["classes"])
    restore_attributes(body, record["modules"])
    names = ("mean", "deviation", "columns", "removed")
    network = Network(body, **{name: torch.empty_like(state[name]) if name in state else None for name in names})
    load_weights(network, state, str(path))
    network.eval().requires_grad_(False)
    placed(network, device, record["shape"], record["settings"]["architecture"])
    again = f"snakemake --cores all --force {path}"
    if settings is None:
        reason = f"its forward() was edited, or its library has another version; recreate it with: {again}"
    else:
        built = ", ".join(f"{key} {record['settings'].get(key)}" for key in ("architecture", *BODY_OPTIONS))
        reason = f"it was built with {built}; set the same values in networks, or recreate it with: {again}"
    found = _probed(network, probes.to(device), record["settings"]["architecture"])
    logits = logits.to(device)
    same = found.shape == logits.shape and (found - logits).abs().max() <= PROBE_TOLERANCE * logits.abs().max()
    if not same:
        raise NetworkError(f"{path} no longer computes the function that was stored: {reason}")
    return network


def draw_network(path: str | os.PathLike[str], like: Network, seed: int) -> Network:
    """Build the network of a file with freshly drawn weights: same architecture and preprocessing, evaluation mode.

    Args:
        path: of the file, written by :func:`save_network`.
        like: the network in it, for its preprocessing and its device.
        seed: of the weights, which are drawn on the CPU, so that every device has the same.
    """
    record = record_of(path)
    with seeded(seed, torch.device("cpu")):
        body = build_body(record["settings"], tuple(record["shape"]), record["classes"])
    restore_attributes(body, record["modules"])
    body.to(like.mean.device, memory_format=torch.channels_last)
    return Network(body, like.mean, like.deviation, like.columns, like.removed).eval().requires_grad_(False)


def _probed(network: Network, probes: Tensor, name: str) -> Tensor:
    """Return all logits of uint8 images; raise a NetworkError if the network fails on them."""
    return logits_of(network.all_logits, probes.float() / 255, name)


@full_float32()
@torch.no_grad()
def predict(network: nn.Module, images: Tensor, batch_size: int | None = None) -> Tensor:
    """Return the logits (n, classes) of ``images``, computed batch by batch."""
    return torch.cat([network(batch) for batch in images.split(batch_size or images_at_once(network, images))])


def classes_of(logits: Tensor) -> Tensor:
    """Return the class (n,) with the highest of the logits (n, classes); -1 (no class) if a logit is not finite."""
    return torch.where(logits.isfinite().all(1), logits.argmax(1), -1)


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy (n,) of each image, in float64.

    Its gradient at the logits contains 1 - p of the label. In float32, where p is within 1e-6 of 1, that is rounding,
    and so is the gradient at the image; beyond 6e-8 it is zero.
    """
    return cross_entropy(logits.double(), labels, reduction="none")
