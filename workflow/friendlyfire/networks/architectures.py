"""The networks that the paper trains: LeNet, Network-in-Network and AlexNet for small images.

Each takes images already normalised, (n, channels, height, width), and returns logits (n, classes).
"""

from collections.abc import Callable

from torch import nn

#: Activations by name. The last two are smooth, so that an exact Hessian exists.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "softplus": nn.Softplus, "gelu": nn.GELU}

#: Pooling by name; only "average" is smooth.
POOLINGS: dict[str, Callable[..., nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


def lenet(shape: tuple[int, int, int], classes: int, width: float, activation: str, pooling: str) -> nn.Module:
    """LeNet with 20 and 50 filters of 5 x 5 and 500 hidden units.

    Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998), in the
    sizes that Caffe and MatConvNet made common for MNIST. Images under 16 pixels are padded at each convolution.
    """
    channels, side = shape[0], shape[1]
    act, pool = ACTIVATIONS[activation], POOLINGS[pooling]
    first, second, hidden = (max(1, round(width * size)) for size in (20, 50, 500))
    padding = 2 if side < 16 else 0
    left = ((side - 4 + 2 * padding) // 2 - 4 + 2 * padding) // 2
    return nn.Sequential(
        nn.Conv2d(channels, first, 5, padding=padding), act(), pool(2),
        nn.Conv2d(first, second, 5, padding=padding), act(), pool(2),
        nn.Flatten(), nn.Linear(second * left * left, hidden), act(),
        nn.Linear(hidden, classes),
    )  # fmt: skip


def nin(shape: tuple[int, int, int], classes: int, width: float, activation: str, pooling: str) -> nn.Module:
    """Network in Network for 32 x 32 pixels: three blocks of a convolution and two 1 x 1 convolutions.

    Source: M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014, with the layers of its authors' network for
    CIFAR-10 (192-160-96, 192-192-192, 192-192-classes; dropout of one half between the blocks).
    """
    act, pool = ACTIVATIONS[activation], POOLINGS[pooling]

    def block(inputs: int, sizes: tuple[int, int, int], kernel: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for size, k in zip(sizes, (kernel, 1, 1), strict=True):
            layers += [nn.Conv2d(inputs, size, k, padding=k // 2), act()]
            inputs = size
        return layers

    a, b, c = (max(1, round(width * size)) for size in (192, 160, 96))
    network = nn.Sequential(
        *block(shape[0], (a, b, c), 5), pool(3, stride=2, padding=1), nn.Dropout(0.5),
        *block(c, (a, a, a), 5), nn.AvgPool2d(3, stride=2, padding=1), nn.Dropout(0.5),
        *block(a, (a, a, classes), 3),  # The class maps are rectified too, as its authors have it.
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    # Nine rectified layers without normalisation do not learn from torch's own weights. Source: K. He et al., "Delving
    # deep into rectifiers", ICCV 2015.
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return network


def alexnet(shape: tuple[int, int, int], classes: int, width: float, activation: str, pooling: str) -> nn.Module:
    """AlexNet for 32 x 32 pixels: five convolutions, three poolings, a hidden layer.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks",
    NeurIPS 2012. The paper does not give its sizes for CIFAR; ours are 64-128-192-128-128 filters and 512 units.
    DEPARTS: batch normalisation in the place of local response normalisation.
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


#: Smallest side in pixels that each architecture can take.
SMALLEST_SIDE = {"lenet": 4, "nin": 8, "alexnet": 8}

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {"lenet": lenet, "nin": nin, "alexnet": alexnet}


def build_architecture(name: str, shape: tuple[int, int, int], classes: int, **options) -> nn.Module:
    """One of :data:`ARCHITECTURES` with random weights (of torch's global generator).

    Raises:
        ValueError: the images are too small for it.
    """
    if shape[1] < SMALLEST_SIDE[name]:
        raise ValueError(f"{name} needs images of at least {SMALLEST_SIDE[name]} pixels a side, not {shape[1]}")
    return ARCHITECTURES[name](shape, classes, **options)
