"""Projected gradient descent: the attack, and training on what it finds."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from friendlyfire.devices import full_float32
from friendlyfire.networks.network import cross_entropies
from friendlyfire.networks.robust.balls import check_norm, random_in_ball, steepest, within

ROBUST = {
    "pgd": {
        "make": "pgd_loss",
        "description": "training on projected gradient descent's images (Madry et al. 2018)",
        "gradients": "steps",
        "options": {
            "norm": {"default": "l2", "enum": ["l2", "linf"], "description": "norm of the ball"},
            "radius": {
                "default": 0.5,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "radius of the ball, pixels in [0, 1]",
            },
            "steps": {"default": 7, "type": "integer", "minimum": 1, "description": "gradient steps per image"},
            "step_size": {
                "default": None,
                "type": ["number", "null"],
                "exclusiveMinimum": 0,
                "description": "length of a step in the norm; null for 2.5 radius / steps",
            },
        },
    },
}


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Hold a network in evaluation mode in the block; then each of its modules is in its own mode again.

    Attacks during training see the function that will be used: the running statistics of batch normalisation, which
    they leave as they are, and no dropout. Every image is then attacked on its own. Attacks in evaluation mode make
    networks as robust and a little more accurate.

    Source: T. Pang, X. Yang, Y. Dong, H. Su, J. Zhu, "Bag of tricks for adversarial training", ICLR 2021.
    """
    before = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the highest logit of another class minus that of the label (n,): positive where an attack succeeded."""
    own = logits.gather(1, labels[:, None])
    return logits.scatter(1, labels[:, None], -torch.inf).amax(1) - own.squeeze(1)


@full_float32()
def pgd(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    norm: str,
    radius: float,
    steps: int,
    step_size: float | None = None,
    objective: Callable[[Tensor, Tensor], Tensor] = cross_entropies,
    generator: torch.Generator | None = None,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    basis: Tensor | None = None,
    best: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """Compute perturbations by projected gradient ascent on an objective, within a ball around each image.

    Source: A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu, "Towards deep learning models resistant to
    adversarial attacks", ICLR 2018; the default step is theirs.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits; it is held in evaluation mode.
        images: the clean images.
        labels: (n,) classes of the objective.
        norm: ``l2`` or ``linf``.
        radius: of the ball, in pixels in [0, 1].
        steps: number of gradients per image.
        step_size: length of a step in the norm; None for 2.5 ``radius`` / ``steps``.
        objective: logits and labels to values (n,) to increase.
        generator: draws starts that are uniform in the ball; None to start at the images.
        bounds: interval that pixels stay in; None for none.
        basis: (d, k) orthonormal columns whose span contains the gradients that are followed; None for all. Bounds are
            kept, so what they clip may leave the span, and so may steps and starts of ``linf``.
        best: logits and labels to values (n,): of all perturbations on the way, that of the highest is returned; None
            for the last perturbation.

    Returns:
        Perturbations of the shape of ``images``, inside the ball.

    Raises:
        ValueError: the norm is unknown.

    Cost:
        ``steps`` gradients per image; one forward pass more for ``best``.
    """
    check_norm(norm)
    step_size = 2.5 * radius / steps if step_size is None else step_size
    found = torch.zeros_like(images) if generator is None else random_in_ball(images, norm, radius, generator)
    found = _inside(images, found, bounds)
    highest, chosen = images.new_full((len(images),), -torch.inf), found
    with evaluating(network):
        for _ in range(steps):
            perturbed = (images + found).detach().requires_grad_(True)
            with torch.enable_grad():
                logits = network(perturbed)
                total = objective(logits, labels).sum()
            (gradients,) = torch.autograd.grad(total, perturbed)
            if best:
                highest, chosen = _better(best(logits.detach(), labels), found, highest, chosen)
            if basis is not None:
                gradients = (gradients.flatten(1) @ basis @ basis.T).reshape(images.shape)
            found = within(found + step_size * steepest(gradients, norm), norm, radius)
            found = _inside(images, found, bounds)
        if best:
            with torch.no_grad():
                values = best(network(images + found), labels)
            _, chosen = _better(values, found, highest, chosen)
    return chosen if best else found


def _inside(images: Tensor, perturbations: Tensor, bounds: tuple[float, float] | None) -> Tensor:
    """Shorten perturbations, pixel by pixel, until pixels are within bounds, as those of ``images`` are."""
    return perturbations if bounds is None else (images + perturbations).clamp(*bounds) - images


def _better(values: Tensor, found: Tensor, highest: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Return the higher values, and their perturbations."""
    higher = values > highest
    return torch.where(higher, values, highest), torch.where(higher[:, None, None, None], found, chosen)


def pgd_loss(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    *,
    norm: str,
    radius: float,
    steps: int,
    step_size: float | None,
) -> tuple[Tensor, Tensor]:
    """Return the logits of attacked images and their mean cross-entropy; the attacks start at random in the ball."""
    options = {"norm": norm, "radius": radius, "steps": steps, "step_size": step_size}
    logits = network(images + pgd(network, images, labels, generator=generator, **options))
    return logits, cross_entropy(logits, labels)
