"""What is known of the sources of images before one is opened."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Image shape (channels, height, width) of the sources that have one of their own.
NATIVE_SHAPES = {
    "digits": (1, 8, 8),
    "MNIST": (1, 28, 28),
    "FashionMNIST": (1, 28, 28),
    "CIFAR10": (3, 32, 32),
    "CIFAR100": (3, 32, 32),
}

#: How many classes they have.
NATIVE_CLASSES = {"digits": 10, "MNIST": 10, "FashionMNIST": 10, "CIFAR10": 10, "CIFAR100": 100, "ImageNet": 1000}

#: How many training and test images they have.
NATIVE_IMAGES = {
    "digits": (1437, 360),
    "MNIST": (60_000, 10_000),
    "FashionMNIST": (60_000, 10_000),
    "CIFAR10": (50_000, 10_000),
    "CIFAR100": (50_000, 10_000),
    "ImageNet": (1_281_167, 50_000),
}

#: Images held out unless the data set says how many, and the largest fraction of its split that they may then be.
HELD_OUT, HELD_OUT_FRACTION = 500, 0.2


def image_shape(settings: Mapping[str, Any]) -> tuple[int, int, int]:
    """Shape (channels, height, width) of the images of a data set, from its section ``datasets.<name>`` alone."""
    if settings["source"] in NATIVE_SHAPES:
        return NATIVE_SHAPES[settings["source"]]
    return settings.get("channels", 3), settings["size"], settings["size"]


def known_classes(settings: Mapping[str, Any]) -> int | None:
    """How many classes a data set has, from its section ``datasets.<name>``; None if its folder is not there yet."""
    if settings["source"] in NATIVE_CLASSES:
        return NATIVE_CLASSES[settings["source"]]
    return sum(entry.is_dir() for entry in Path(settings["folder"], "test").glob("*")) or None


def known_images(settings: Mapping[str, Any]) -> int:
    """How many images a data set keeps, from its section ``datasets.<name>`` and, if it is one, its folder."""
    splits = ("train", "test")
    if settings["source"] in NATIVE_IMAGES:
        counts = NATIVE_IMAGES[settings["source"]]
    else:
        counts = [sum(1 for _ in Path(settings["folder"], split).glob("*/*")) for split in splits]
    return sum(min(count, settings.get(split) or count) for split, count in zip(splits, counts, strict=True))


def sampled_sides(sides: Sequence[float], size: int) -> list[int]:
    """The sides d_low in pixels that images are sampled down to, descending; up to 1, fractions of ``size``."""
    return sorted({round(side * size) if side <= 1 else int(side) for side in sides}, reverse=True)
