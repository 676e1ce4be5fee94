"""What is known of the sources of images before one is opened."""

from collections.abc import Mapping, Sequence
from typing import Any

#: Image shape (channels, height, width) of the sources that have one of their own.
NATIVE_SHAPES = {
    "digits": (1, 8, 8),
    "MNIST": (1, 28, 28),
    "FashionMNIST": (1, 28, 28),
    "CIFAR10": (3, 32, 32),
    "CIFAR100": (3, 32, 32),
}

#: Images held out unless the data set says how many, and the largest fraction of its split that they may then be.
HELD_OUT, HELD_OUT_FRACTION = 500, 0.2


def image_shape(settings: Mapping[str, Any]) -> tuple[int, int, int]:
    """Shape (channels, height, width) of the images of a data set, from its section ``datasets.<name>`` alone."""
    if settings["source"] in NATIVE_SHAPES:
        return NATIVE_SHAPES[settings["source"]]
    return settings.get("channels", 3), settings["size"], settings["size"]


def sampled_sides(sides: Sequence[float], size: int) -> list[int]:
    """The sides d_low in pixels that images are sampled down to, descending; up to 1, fractions of ``size``."""
    return sorted({round(side * size) if side <= 1 else int(side) for side in sides}, reverse=True)
