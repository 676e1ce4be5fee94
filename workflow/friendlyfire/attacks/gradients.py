"""Gradients with respect to each image of a batch, for attacks of one step."""

from collections.abc import Callable

import torch
from torch import Tensor

from friendlyfire.checks import check_differentiable
from friendlyfire.devices import full_float32, images_at_once


@full_float32()
def gradients(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor | None,
    objective: Callable[[Tensor, Tensor], Tensor],
    batch_size: int | None = None,
) -> Tensor:
    """Compute the gradient of an objective with respect to each image.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits (n, classes).
        images: the images at which the gradients are computed.
        labels: (n,) classes for the objective; None for the predicted ones.
        objective: logits (n, classes) and labels (n,) to a value (n,) for each image.
        batch_size: images that pass through the network at once.

    Raises:
        ValueError: see :func:`.check_differentiable`.
    """
    check_differentiable(network, images)
    found = []
    batch_size = batch_size or images_at_once(network, images)
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size].detach().requires_grad_(True)
        with torch.enable_grad():
            logits = network(batch)
            named = logits.detach().argmax(1) if labels is None else labels[start : start + batch_size]
            total = objective(logits, named).sum()
        found.append(torch.autograd.grad(total, batch)[0])
    return torch.cat(found)
