"""AlexNet, in a size for small images."""

from torch import nn

from friendlyfire.networks.layers import ACTIVATIONS, POOLINGS

ARCHITECTURES = {"alexnet": {"make": "alexnet", "label": "AlexNet", "smallest_side": 8}}


def alexnet(shape: tuple[int, int, int], classes: int, width: float, activation: str, pooling: str) -> nn.Module:
    """Build AlexNet for 32 x 32 pixels: five convolutions, three poolings, a hidden layer.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks",
    NeurIPS 2012. The paper does not give its sizes for CIFAR; ours are 64-128-192-128-128 filters and 512 units.
    DEPARTS: batch normalisation replaces local response normalisation.
    """
    act, pool = ACTIVATIONS[activation], POOLINGS[pooling]
    sizes = [max(1, round(width * size)) for size in (64, 128, 192, 128, 128)]
    hidden, left = max(1, round(width * 512)), shape[1] // 8

    def convolution(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs), act()]

    return nn.Sequential(
        *convolution(shape[0], sizes[0], 5), pool(2),
        *convolution(sizes[0], sizes[1], 3), pool(2),
        *convolution(sizes[1], sizes[2], 3),
        *convolution(sizes[2], sizes[3], 3),
        *convolution(sizes[3], sizes[4], 3), pool(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(sizes[4] * left * left, hidden), act(),
        nn.Linear(hidden, classes),
    )  # fmt: skip
