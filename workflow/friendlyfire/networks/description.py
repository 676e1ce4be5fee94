"""Sentences that describe a network, for captions and logs."""

from collections.abc import Mapping
from typing import Any


def described(row: Mapping[str, Any]) -> str:
    """Describe a network and its accuracy in a sentence.

    Args:
        row: table row with experiment, architecture, accuracy, ci_low, ci_high, images, logits and classes.
    """
    interval = f"95 % interval {100 * row['ci_low']:.1f} to {100 * row['ci_high']:.1f}"
    return (
        f"{row['experiment']}: {row['architecture']}, test accuracy {100 * row['accuracy']:.1f} %"
        f"{sub_network(row['logits'], row['classes'])} ({row['images']:,} images, {interval})"
    )


def sub_network(logits: int, classes: int) -> str:
    """State how many of a network's logits stand for classes of the images, if not all do."""
    return f" in the sub-network of {classes:,} of its {logits:,} logits" if classes < logits else ""


def withstood(row: Mapping[str, Any]) -> str:
    """Describe the accuracy of a network under attack in a sentence.

    Args:
        row: table row with experiment, norm, radius, robust_accuracy, robust_images and foolbox_accuracy.
    """
    other = row["foolbox_accuracy"]
    second = "" if other is None else f", {100 * other:.1f} % by Foolbox"
    return (
        f"{row['experiment']}: accuracy {100 * row['robust_accuracy']:.1f} % under attack ({row['norm']}, radius "
        f"{row['radius']:g}, {row['robust_images']:,} images){second}"
    )
