"""Training on images with Gaussian noise."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

ROBUST = {
    "noise": {
        "make": "noise_loss",
        "description": "training on images with Gaussian noise (Cohen et al. 2019)",
        "gradients": 0,
        "options": {
            "deviation": {
                "default": 0.25,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "standard deviation of the noise on each pixel, pixels in [0, 1]",
            },
        },
    },
}


def noise_loss(
    network: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator, *, deviation: float
) -> tuple[Tensor, Tensor]:
    """Return the logits of noisy images and their mean cross-entropy; noisy pixels may leave [0, 1].

    Source: J. Cohen, E. Rosenfeld, J. Z. Kolter, "Certified adversarial robustness via randomized smoothing", ICML
    2019, section 3.3.
    """
    noise = torch.randn(images.shape, generator=generator).to(images)
    logits = network(images + deviation * noise)
    return logits, cross_entropy(logits, labels)
