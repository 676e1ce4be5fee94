"""Whether a network is the classifier that it is said to be: it takes the images, tells the classes, as accurately."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from friendlyfire.datasets.images import Part
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import wilson_interval

#: Images whose logits are stored with a network.
PROBES = 4


@torch.no_grad()
def logits_of(network: Callable[[Tensor], Tensor], images: Tensor, name: str) -> Tensor:
    """Logits (n, logits) that ``network``, called ``name``, gives for images (n, channels, height, width).

    Raises:
        NetworkError: it fails, or gives something else.
    """
    try:
        logits = network(images)
    except Exception as error:  # A user's forward() may raise anything.
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise NetworkError(
            f"network {name!r} does not take images of shape {tuple(images.shape[1:])}: {reason}"
        ) from error
    if not isinstance(logits, Tensor):
        raise NetworkError(f"network {name!r} gives a {type(logits).__name__} for images, not a tensor of logits")
    return logits


@torch.no_grad()
def check_alone(network: Callable[[Tensor], Tensor], images: Tensor, name: str) -> None:
    """Refuse a network that sees images otherwise together than each alone, as batch normalisation without memory does.

    Args:
        network: in evaluation mode.
        images: a few, (n, channels, height, width), pixels in [0, 1].
        name: of the architecture.

    Raises:
        NetworkError: logits differ by more than a thousandth of the largest.
    """
    together, alone = network(images), torch.cat([network(image[None]) for image in images])
    if (together - alone).abs().max() > 1e-3 * together.abs().max():
        raise NetworkError(
            f"network {name!r} gives other logits for images together than for each alone; it must not depend on the "
            "batch (batch normalisation with track_running_stats=False does)"
        )


def check_logits(network: Callable[[Tensor], Tensor], image: Tensor, classes: int, name: str) -> None:
    """Refuse a network that does not take the images or does not tell the classes.

    Args:
        network: in evaluation mode.
        image: (1, channels, height, width).
        classes: how many there are.
        name: of the architecture.

    Raises:
        NetworkError: it fails on the image, or its logits are not (1, classes) and finite.
    """
    logits = logits_of(network, image, name)
    if logits.shape != (1, classes) or not logits.isfinite().all():
        raise NetworkError(
            f"network {name!r} gives logits of shape {tuple(logits.shape)} for an image, all finite: "
            f"{bool(logits.isfinite().all())}; (1, {classes}) finite ones are needed for {classes} classes; "
            "if these are some of its classes, name all of them by networks.classes"
        )


def check_accuracy(
    correct: int, images: int, expected: float | None, tolerance: float, name: str, way_out: str
) -> None:
    """Refuse a network whose accuracy is not the expected one.

    Args:
        correct: how many test images it classifies correctly.
        images: how many there are.
        expected: accuracy in (0, 1]; None for any.
        tolerance: by how much the interval is widened at either end.
        name: what to call the network.
        way_out: what to do about it.

    Raises:
        NetworkError: the 95 % interval of the accuracy, so widened, does not contain ``expected``.
    """
    low, high = wilson_interval(correct, images)
    if expected is not None and not low - tolerance <= expected <= high + tolerance:
        raise NetworkError(
            f"{name} has test accuracy {correct / images:.1%} (95 % interval {low:.1%} to {high:.1%}), and "
            f"networks.expected_accuracy says {expected:.1%}; {way_out}, or change networks.expected_accuracy"
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
    """Accept a network that classifies ``correct`` of some measured images, unless it is not what it shall be.

    Args:
        network: in evaluation mode.
        part: the images that its accuracy is of.
        correct: how many of these it classifies correctly.
        classes: of the images.
        logits: of the network.
        section: ``networks``: expected_accuracy and accuracy_tolerance are read.
        name: of the experiment.
        way_out: what to do about a network that is not as accurate as it shall be.

    Returns:
        A row about its accuracy, with a 95 % interval.

    Raises:
        NetworkError: it is at chance, or not as accurate as expected, or its logits depend on the batch.
    """
    images, called = len(part), f"the network of {name}"
    check_above_chance(correct, images, float(np.bincount(part.labels()).max() / images), called, way_out)
    check_accuracy(correct, images, section["expected_accuracy"], section["accuracy_tolerance"], called, way_out)
    probes = torch.from_numpy(part.images(0, PROBES)).float() / 255
    check_alone(network, probes.to(network.mean.device), section["architecture"])
    low, high = wilson_interval(correct, images)
    return {
        "experiment": name,
        "architecture": section["architecture"],
        "weights": section["weights"] or "trained",
        "logits": logits,
        "classes": classes,
        "accuracy": correct / images,
        "ci_low": low,
        "ci_high": high,
        "images": images,
    }
