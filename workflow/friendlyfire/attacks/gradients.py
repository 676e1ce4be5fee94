"""What a single gradient gives: perturbations by the fast gradient sign method, and saliency maps."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from friendlyfire.attacks.checks import check_images
from friendlyfire.devices import full_float32, images_at_once


def fgsm(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor | None = None,
    *,
    epsilon: float,
    batch_size: int | None = None,
) -> Tensor:
    """FGSM perturbations: epsilon * sign of the gradient of the cross-entropy.

    Source: I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits (n, classes).
        images: the clean images.
        labels: (n,) classes to leave; None for the predicted ones.
        epsilon: size of the step for each pixel value.
        batch_size: images that pass through the network at once.

    Returns:
        Perturbations of the shape of ``images``; zero where the gradient is.

    Raises:
        ValueError: the images are not (n, channels, height, width), or their pixels are far outside [0, 1].

    Cost:
        One gradient an image.
    """
    return epsilon * _gradients(network, images, labels, _loss, batch_size).sign()


def saliency(
    network: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor | None = None, *, batch_size: int | None = None
) -> Tensor:
    """Saliency maps: the gradient of each image's class score, in the direction that lowers it.

    Source: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", 2013, section 3; here with its
    sign, as a direction of image space.

    Args and errors: as :func:`fgsm`, without a step.

    Returns:
        Gradients of the shape of ``images``, logits / pixel.
    """
    return -_gradients(network, images, labels, _score, batch_size)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels, reduction="sum")


def _score(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.gather(1, labels[:, None]).sum()


@full_float32()
def _gradients(network, images: Tensor, labels: Tensor | None, objective: Callable, batch_size: int | None) -> Tensor:
    """Gradient of ``objective`` of each image: a sum over images, so that none touches another's."""
    check_images(images)
    found = []
    batch_size = batch_size or images_at_once(network, images)
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size].detach().requires_grad_(True)
        with torch.enable_grad():
            logits = network(batch)
            named = logits.detach().argmax(1) if labels is None else labels[start : start + batch_size]
            total = objective(logits, named)
        found.append(torch.autograd.grad(total, batch)[0])
    return torch.cat(found)
