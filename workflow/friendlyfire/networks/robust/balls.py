"""Balls of perturbations: random points in them, steepest steps, and the way back into them."""

import torch
from torch import Tensor

#: Norms by their names in the configuration.
NORMS = ("l2", "linf")


def check_norm(norm: str) -> None:
    """Raise a ValueError unless ``norm`` is one of :data:`NORMS`."""
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r}: choose from {', '.join(NORMS)}")


def random_in_ball(images: Tensor, norm: str, radius: float, generator: torch.Generator) -> Tensor:
    """Draw a perturbation for each image, uniform in the ball of a norm.

    Args:
        images: (n, channels, height, width); only its shape, type and device count.
        norm: ``l2`` or ``linf``.
        radius: of the ball, in pixels in [0, 1].
        generator: random generator on the CPU, so every device has the same draws.
    """
    if norm == "linf":
        return radius * (2 * torch.rand(images.shape, generator=generator) - 1).to(images)
    directions = torch.randn(images.shape, generator=generator)
    # The volume within r grows as r^d.
    lengths = radius * torch.rand(len(images), generator=generator) ** (1 / images[0].numel())
    return (directions * (lengths / norms(directions, "l2").flatten())[:, None, None, None]).to(images)


def norms(perturbations: Tensor, norm: str) -> Tensor:
    """Return the norms (n, 1, 1, 1) of perturbations (n, channels, height, width)."""
    order = 2 if norm == "l2" else torch.inf
    return torch.linalg.vector_norm(perturbations, order, dim=(1, 2, 3), keepdim=True)


def steepest(gradients: Tensor, norm: str) -> Tensor:
    """Return the steps of norm 1 that increase a function most, by its gradients; 0 where the gradient is 0."""
    if norm == "linf":
        return gradients.sign()
    # Scaled first: squares of the smallest gradients would be 0.
    scaled = gradients / norms(gradients, "linf").clamp_min(torch.finfo(gradients.dtype).tiny)
    return scaled / norms(scaled, "l2").clamp_min(torch.finfo(gradients.dtype).tiny)


def within(perturbations: Tensor, norm: str, radius: float) -> Tensor:
    """Return the nearest perturbations in the ball of a norm."""
    if norm == "linf":
        return perturbations.clamp(-radius, radius)
    return perturbations * (radius / norms(perturbations, "l2").clamp_min(radius))
