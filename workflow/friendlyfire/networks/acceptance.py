"""Checks that a network accepts the images, returns one logit per class, and is as accurate as expected."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from friendlyfire.checks import are_probabilities
from friendlyfire.datasets.images import Part
from friendlyfire.devices import full_float32
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import wilson_interval

#: Images whose logits are stored with a network.
PROBES = 4

#: Largest accepted difference of gradients, relative to their norm. Processors differ by 1e-6 to 1e-3.
GRADIENT_TOLERANCE = 0.05


@full_float32()
@torch.no_grad()
def logits_of(network: Callable[[Tensor], Tensor], images: Tensor, name: str) -> Tensor:
    """Return the logits (n, logits) of ``network``, called ``name``, for images (n, channels, height, width).

    Raises:
        NetworkError: the network fails, or does not return a tensor.
    """
    return _logits(network, images, name)


def _logits(network: Callable[[Tensor], Tensor], images: Tensor, name: str) -> Tensor:
    try:
        logits = network(images)
    except Exception as error:  # A user's forward() may raise anything.
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise NetworkError(
            f"network {name!r} does not accept images of shape {tuple(images.shape[1:])}: "
            f"{reason}; size and channels of the data set say which images it gets"
        ) from error
    if not isinstance(logits, Tensor):
        raise NetworkError(f"network {name!r} returns a {type(logits).__name__} for images, not a tensor of logits")
    return logits


def placed(network: nn.Module, device: torch.device | str, shape: Sequence[int], name: str) -> nn.Module:
    """Move a network from the CPU to its device, channels last, and check that its gradients stay what they were.

    Kernels have returned right logits and wrong gradients, without an error: CUDA's for padded average pooling in
    channels-last format, until the middle of 2026 (issue 188344 of PyTorch).

    Args:
        network: in evaluation mode, on the CPU.
        device: where it goes.
        shape: (channels, height, width) of its images.
        name: of the architecture.

    Raises:
        NetworkError: the network fails on noise, has no gradient, or another one than before.
    """
    expected = _gradient_on_noise(network, "cpu", shape, name)
    # Channels last is 1.3 to 2 times faster for convolutions on CPUs.
    network.to(device, memory_format=torch.channels_last)
    apart = (_gradient_on_noise(network, device, shape, name) - expected).norm() / expected.norm()
    if apart > GRADIENT_TOLERANCE:
        raise NetworkError(
            f"network {name!r} has other gradients on {torch.device(device).type}, channels last, than on the CPU, by "
            f"{apart:.0%}: a fault of PyTorch {torch.__version__} or its libraries; try another version, or device=cpu"
        )
    return network


@full_float32()
def _gradient_on_noise(network: nn.Module, device: torch.device | str, shape: Sequence[int], name: str) -> Tensor:
    """Return the gradient, on the CPU, of a sum of logits at images without equal pixels, which would tie in maxima."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, *shape, generator=generator).to(device).requires_grad_(True)
    with torch.enable_grad():
        logits = _logits(network, images, name)
        weights = torch.randn(logits.shape, generator=generator).to(logits)
        if not logits.requires_grad:
            raise NetworkError(f"network {name!r} has no gradient at its images, which attacks need; is it detached?")
        (gradient,) = torch.autograd.grad((weights * logits).sum(), images)
    return gradient.cpu().nan_to_num()


@full_float32()
@torch.no_grad()
def check_alone(network: Callable[[Tensor], Tensor], images: Tensor, name: str) -> None:
    """Raise if the logits of an image depend on its batch, as with batch normalisation without running statistics.

    Args:
        network: in evaluation mode.
        images: a few, (n, channels, height, width), pixels in [0, 1].
        name: of the architecture.

    Raises:
        NetworkError: logits differ by more than a thousandth of the largest logit.
    """
    together, alone = network(images), torch.cat([network(image[None]) for image in images])
    if (together - alone).abs().max() > 1e-3 * together.abs().max():
        raise NetworkError(
            f"network {name!r} returns different logits for a batch than for single images; its logits must not depend "
            "on the batch (they do in batch normalisation with track_running_stats=False)"
        )


def check_logits(network: Callable[[Tensor], Tensor], image: Tensor, classes: int, name: str) -> None:
    """Raise if a network does not accept the images or does not return one logit per class.

    Args:
        network: in evaluation mode.
        image: (1, channels, height, width).
        classes: number of classes.
        name: of the architecture.

    Raises:
        NetworkError: the network fails on the image, or its logits are not (1, classes) and finite, or probabilities.
    """
    logits = logits_of(network, image, name)
    if logits.shape != (1, classes) or not logits.isfinite().all():
        raise NetworkError(
            f"network {name!r} returns logits of shape {tuple(logits.shape)} for an image, all finite: "
            f"{bool(logits.isfinite().all())}; {classes} classes need finite logits of shape (1, {classes}); "
            "if the network has more classes, name all of them in networks.classes"
        )
    if are_probabilities(logits):
        raise NetworkError(
            f"network {name!r} returns probabilities, which sum to 1, and not logits; remove the softmax at its end"
        )


def check_accuracy(
    correct: int, images: int, expected: float | None, tolerance: float, name: str, way_out: str
) -> None:
    """Raise if the accuracy of a network is not the expected one.

    Args:
        correct: number of test images that the network classifies correctly.
        images: number of test images.
        expected: accuracy in (0, 1]; None for any.
        tolerance: widening of the interval at each end.
        name: name of the network in the message.
        way_out: advice in the message.

    Raises:
        NetworkError: the 95 % interval of the accuracy, so widened, does not contain ``expected``.
    """
    low, high = wilson_interval(correct, images)
    if expected is not None and not low - tolerance <= expected <= high + tolerance:
        better = f"{way_out}, or " if correct / images < expected else ""
        raise NetworkError(
            f"{name} has test accuracy {correct / images:.1%} (95 % interval {low:.1%} to {high:.1%}), but "
            f"networks.expected_accuracy is {expected:.1%}; {better}change networks.expected_accuracy"
        )


def check_above_chance(correct: int, images: int, majority: float, name: str, way_out: str) -> None:
    """Raise if a network classifies no better than the constant guess of the most frequent class.

    Args:
        correct: number of test images that the network classifies correctly.
        images: number of test images.
        majority: fraction of the most frequent class among the test images.
        name: name of the network in the message.
        way_out: advice in the message.

    Raises:
        NetworkError: the 95 % interval of the accuracy does not lie above ``majority``.
    """
    low, high = wilson_interval(correct, images)
    if low <= majority:
        raise NetworkError(
            f"{name} is at chance: test accuracy {correct / images:.1%} (95 % interval {low:.1%} to {high:.1%}), "
            f"most frequent class {majority:.1%}; {way_out}"
        )


def accepted(
    network: nn.Module,
    part: Part,
    correct: int,
    classes: int,
    logits: int,
    section: Mapping[str, Any],
    name: str,
    way_out: str,
) -> dict[str, Any]:
    """Check a network that classifies ``correct`` of the measured images correctly, and describe its accuracy.

    Args:
        network: in evaluation mode.
        part: the images on which the accuracy was measured.
        correct: number of these images that the network classifies correctly.
        classes: number of classes of the images.
        logits: number of logits of the network.
        section: ``networks``; expected_accuracy, accuracy_tolerance and at_chance are read.
        name: name of the experiment.
        way_out: advice in the message for a network that is not accurate enough.

    Returns:
        A table row with the accuracy and its 95 % interval.

    Raises:
        NetworkError: the accuracy is not as expected, or at chance unless that is accepted, or the logits depend on the
            batch.
    """
    images, called = len(part), f"the network of {name}"
    majority = float(np.bincount(part.labels()).max() / images)
    if section["at_chance"] == "refuse":
        check_above_chance(correct, images, majority, called, way_out)
    check_accuracy(correct, images, section["expected_accuracy"], section["accuracy_tolerance"], called, way_out)
    probes = torch.from_numpy(part.images(0, PROBES)).float() / 255
    check_alone(network, probes.to(network.mean.device), section["architecture"])
    low, high = wilson_interval(correct, images)
    return {
        "experiment": name,
        "architecture": section["architecture"],
        "weights": section["weights"] or "trained",
        "preprocessing": network.preprocessing(),
        "logits": logits,
        "classes": classes,
        "majority": majority,
        "accuracy": correct / images,
        "ci_low": low,
        "ci_high": high,
        "images": images,
    }
