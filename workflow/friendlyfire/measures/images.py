"""The images that measures are about."""

from torch import Tensor

from friendlyfire.datasets.images import Dataset, Part
from friendlyfire.networks.network import Network, as_pixels, mean_pixels


def measured_images(network: Network, dataset: Dataset, count: int) -> tuple[Part, Tensor, Tensor]:
    """Load the first measured images to the device of a network.

    Args:
        network: any.
        dataset: theirs.
        count: how many, at most.

    Returns:
        Their part of the data set, their pixels (n, channels, height, width), and the mean image.
    """
    part, device = dataset.part("measured", count), network.mean.device
    return part, as_pixels(part.images(), device), mean_pixels(dataset, device)
