"""Network in Network."""

from torch import nn

from friendlyfire.networks.layers import ACTIVATIONS, POOLINGS, average_pool

ARCHITECTURES = {
    "nin": {"make": "nin", "label": "NIN", "smallest_side": 8},
    "nin-bn": {"make": "normalised_nin", "label": "NIN with batch normalisation", "smallest_side": 8},
}


def nin(
    shape: tuple[int, int, int], classes: int, width: float, activation: str, pooling: str, batch_norm: bool = False
) -> nn.Module:
    """Build Network in Network for 32 x 32 pixels: three blocks of a convolution and two 1 x 1 convolutions.

    Source: M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014, with the layers of its authors' network for
    CIFAR-10 (192-160-96, 192-192-192, 192-192-classes; dropout of one half between the blocks).
    """
    act, pool = ACTIVATIONS[activation], POOLINGS[pooling]

    def block(inputs: int, sizes: tuple[int, int, int], kernel: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for size, k in zip(sizes, (kernel, 1, 1), strict=True):
            layers.append(nn.Conv2d(inputs, size, k, padding=k // 2, bias=not batch_norm))
            layers += [nn.BatchNorm2d(size)] * batch_norm + [act()]
            inputs = size
        return layers

    a, b, c = (max(1, round(width * size)) for size in (192, 160, 96))
    network = nn.Sequential(
        *block(shape[0], (a, b, c), 5), pool(3, stride=2, padding=1), nn.Dropout(0.5),
        *block(c, (a, a, a), 5), average_pool(3, stride=2, padding=1), nn.Dropout(0.5),
        *block(a, (a, a, classes), 3),  # The class maps are rectified too, as in the authors' network.
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    # Nine rectified layers without normalisation do not learn from torch's default weights. Source: K. He et al.,
    # "Delving deep into rectifiers", ICCV 2015.
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def normalised_nin(shape: tuple[int, int, int], classes: int, width: float, activation: str, pooling: str) -> nn.Module:
    """Build Network in Network that trains in a tenth of the epochs.

    DEPARTS: batch normalisation after each convolution.
    """
    return nin(shape, classes, width, activation, pooling, batch_norm=True)
