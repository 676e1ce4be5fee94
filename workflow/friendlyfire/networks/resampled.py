"""A network behind a unit that downsamples and upsamples its images, as a defence does (section 4.4)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


def resample(images: Tensor, side: int) -> Tensor:
    """Downsample images to ``side`` pixels (bicubic, antialiased) and upsample them again; differentiable.

    Args:
        images: mean-subtracted, (n, channels, height, width).
        side: d_low; the images' own size returns them unchanged.

    Raises:
        ValueError: ``side`` is larger than the images.
    """
    size = images.shape[2:]
    if side > min(size):
        raise ValueError(f"images of {tuple(size)} pixels cannot be sampled down to {side}")
    if size == (side, side):
        return images
    low = interpolate(images, (side, side), mode="bicubic", antialias=True)
    return interpolate(low, size, mode="bicubic", antialias=True)


class Resampled(nn.Module):
    """A network whose images are first downsampled to ``side`` pixels and upsampled again.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits.
        mean: mean image of the training set; the unit resamples the mean-subtracted images.
        side: d_low.
    """

    def __init__(self, network: nn.Module, mean: Tensor, side: int):
        super().__init__()
        self.network = network
        self.side = side
        self.register_buffer("mean", mean)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the resampled images."""
        return self.network(self.mean + resample(images - self.mean, self.side))


def resampled(images: Tensor, side: int, batch_size: int = 64) -> Tensor:
    """Resample many mean-subtracted images batch by batch, or perturbations, because the unit is linear."""
    return torch.cat([resample(part, side) for part in images.split(batch_size)])
