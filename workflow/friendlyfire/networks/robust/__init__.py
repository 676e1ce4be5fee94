"""Robust training: losses that a network is trained on instead of the cross-entropy of clean images, one file each.

A loss is a function ``loss(network, images, labels, generator, **options)``; it returns the logits (n, classes) that
count for the training accuracy, and the mean loss. Its options are keys of the section ``networks``.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from friendlyfire.declarations import declared, function_at
from friendlyfire.networks.training import plain_loss

#: network, images (n, channels, height, width) in [0, 1], labels (n,) and a random generator on the CPU, to logits and
#: loss.
Loss = Callable[[nn.Module, Tensor, Tensor, Any], tuple[Tensor, Tensor]]


def loss_of(section: Mapping[str, Any]) -> Loss:
    """Return the loss that the section ``networks`` names by its key ``robust``; the plain one if there is none."""
    kind = section.get("robust")
    return partial(function_at(declared("robust")[kind]["make"]), **section[kind]) if kind else plain_loss
