"""Curvature regularisation: training that bends the loss less along the direction in which it bends most."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from friendlyfire.devices import full_float32
from friendlyfire.networks.network import cross_entropies
from friendlyfire.networks.robust.balls import norms
from friendlyfire.networks.robust.pgd import evaluating

ROBUST = {
    "cure": {
        "make": "cure_loss",
        "description": "training with a penalty on the curvature of the loss (Moosavi-Dezfooli et al. 2019)",
        "gradients": 4,
        "options": {
            "step": {
                "default": 1.5,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "h, Euclidean length of the step between two gradients, pixels in [0, 1]",
            },
            "weight": {
                "default": 4.0,
                "type": "number",
                "minimum": 0,
                "description": "gamma, factor of the penalty",
            },
        },
    },
}


@full_float32()
def curvature_penalty(losses: Callable[[Tensor], Tensor], images: Tensor, step: float) -> Tensor:
    r"""Return :math:`\|\nabla\ell(x + h z) - \nabla\ell(x)\|^2` of each image (n,), with a gradient for the weights.

    The direction :math:`z` is the sign of the gradient, scaled to norm 1. For a quadratic loss with Hessian H the
    penalty is :math:`h^2 \|H z\|^2`.

    Source: S.-M. Moosavi-Dezfooli, A. Fawzi, J. Uesato, P. Frossard, "Robustness via curvature regularization, and vice
    versa", CVPR 2019, section 4.

    DEPARTS from the authors' code: the norm is squared, and h is the same in all epochs.

    Args:
        losses: images (n, channels, height, width) to a loss of each image (n,), each on its own.
        images: where the curvature is penalised.
        step: h, in pixels in [0, 1].

    Cost:
        Two gradients per image, and their derivatives by the weights.
    """

    def gradients(at: Tensor) -> Tensor:
        at = at.detach().requires_grad_(True)
        with torch.enable_grad():
            return torch.autograd.grad(losses(at).sum(), at, create_graph=True)[0]

    here = gradients(images)
    direction = here.detach().sign()
    direction = direction / norms(direction, "l2").clamp_min(1)  # signs: the norm is 0 or at least 1
    return (gradients(images + step * direction) - here).flatten(1).square().sum(1)


def cure_loss(
    network: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator, *, step: float, weight: float
) -> tuple[Tensor, Tensor]:
    """Return the logits of clean images, and their mean cross-entropy with the weighted penalty; nothing is drawn."""
    with evaluating(network):
        penalty = curvature_penalty(lambda at: cross_entropies(network(at), labels), images, step)
    logits = network(images)
    return logits, cross_entropy(logits, labels) + weight * penalty.mean()
