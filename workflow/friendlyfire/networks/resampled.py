"""Down and up again: a network behind a unit that samples its images, as a defence does (section 4.4)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


def resample(images: Tensor, side: int) -> Tensor:
    """Images scaled to ``side`` pixels and back, bicubic, antialiased on the way down; differentiable.

    Args:
        images: mean-subtracted, (n, channels, height, width).
        side: d_low; at the images' own size nothing happens.

    Raises:
        ValueError: ``side`` is beyond the images' size.
    """
    size = images.shape[2:]
    if side > min(size):
        raise ValueError(f"images of {tuple(size)} pixels cannot be sampled down to {side}")
    if size == (side, side):
        return images
    low = interpolate(images, (side, side), mode="bicubic", antialias=True)
    return interpolate(low, size, mode="bicubic", antialias=True)


class Resampled(nn.Module):
    """A network that sees its images sampled down to ``side`` pixels and up again.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits.
        mean: mean image of the training set; the unit works on what is left without it.
        side: d_low.
    """

    def __init__(self, network: nn.Module, mean: Tensor, side: int):
        super().__init__()
        self.network, self.side = network, side
        self.register_buffer("mean", mean)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the resampled images."""
        return self.network(self.mean + resample(images - self.mean, self.side))


def resampled(images: Tensor, side: int, batch_size: int = 64) -> Tensor:
    """What the unit leaves of many mean-subtracted images, or of perturbations, for it is linear."""
    return torch.cat([resample(part, side) for part in images.split(batch_size)])
