"""Training on images of a single step from a random start."""

import torch
from torch import Tensor, nn

from friendlyfire.networks.robust.pgd import pgd_loss

ROBUST = {
    "fast": {
        "make": "fast_loss",
        "description": "training on images of a single step from a random start (Wong et al. 2020)",
        "gradients": 1,
        "options": {
            "norm": {"default": "linf", "enum": ["l2", "linf"], "description": "norm of the ball"},
            "radius": {
                "default": 0.03,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "radius of the ball, pixels in [0, 1]",
            },
            "step_size": {
                "default": None,
                "type": ["number", "null"],
                "exclusiveMinimum": 0,
                "description": "length of the step in the norm; null for 1.25 radius",
            },
        },
    },
}


def fast_loss(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    *,
    norm: str,
    radius: float,
    step_size: float | None,
) -> tuple[Tensor, Tensor]:
    """Return the logits of attacked images and their mean cross-entropy.

    Source: E. Wong, L. Rice, J. Z. Kolter, "Fast is better than free: revisiting adversarial training", ICLR 2020,
    algorithm 3.
    """
    step_size = 1.25 * radius if step_size is None else step_size
    return pgd_loss(network, images, labels, generator, norm=norm, radius=radius, steps=1, step_size=step_size)
