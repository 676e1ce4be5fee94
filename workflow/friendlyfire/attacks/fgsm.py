"""The fast gradient sign method: one step along the sign of the gradient."""

from collections.abc import Callable

from torch import Tensor

from friendlyfire.attacks.gradients import gradients
from friendlyfire.networks.network import cross_entropies

ATTACKS = {
    "fgsm": {
        "make": "fgsm",
        "gives": "perturbations",
        "label": "FGSM",
        "options": {
            "epsilon": {
                "default": 0.03,
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": "step of each pixel value, pixels in [0, 1]",
            },
        },
        "description": "the fast gradient sign method",
    },
}


def fgsm(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor | None = None,
    *,
    epsilon: float,
    batch_size: int | None = None,
) -> Tensor:
    """Compute FGSM perturbations: epsilon * sign of the gradient of the cross-entropy, see :func:`.cross_entropies`.

    Source: I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits (n, classes).
        images: the clean images.
        labels: (n,) classes to leave; None for the predicted ones.
        epsilon: size of the step for each pixel value.
        batch_size: images that pass through the network at once.

    Returns:
        Perturbations of the shape of ``images``; zero where the gradient is zero.

    Raises:
        ValueError: the images are not (n, channels, height, width), or their pixels are far outside [0, 1].

    Cost:
        One gradient per image.
    """
    return epsilon * gradients(network, images, labels, cross_entropies, batch_size).sign()
