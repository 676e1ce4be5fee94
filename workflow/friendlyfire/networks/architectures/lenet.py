"""LeNet, for small images."""

from torch import nn

from friendlyfire.networks.layers import ACTIVATIONS, POOLINGS

ARCHITECTURES = {"lenet": {"make": "lenet", "label": "LeNet", "smallest_side": 4}}


def lenet(shape: tuple[int, int, int], classes: int, width: float, activation: str, pooling: str) -> nn.Module:
    """Build LeNet with 20 and 50 filters of 5 x 5 and 500 hidden units.

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
