"""Saliency maps: the gradient of a class score, as a direction of image space."""

from collections.abc import Callable

from torch import Tensor

from friendlyfire.attacks.gradients import gradients

ATTACKS = {
    "saliency": {
        "make": "saliency",
        "gives": "directions",
        "label": "saliency",
        "options": {},
        "description": "gradients of the predicted class's score, without options",
    },
}


def saliency(
    network: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor | None = None, *, batch_size: int | None = None
) -> Tensor:
    """Compute saliency maps: the gradient of each image's class score, in the direction that lowers it.

    Source: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", 2013, section 3; here with its
    sign, as a direction of image space.

    Args and errors: as :func:`friendlyfire.attacks.fgsm.fgsm`, without a step.

    Returns:
        Gradients of the shape of ``images``, logits / pixel.
    """
    return -gradients(network, images, labels, _score, batch_size)


def _score(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.gather(1, labels[:, None]).squeeze(1)
