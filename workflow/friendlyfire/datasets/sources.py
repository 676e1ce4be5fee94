"""Facts about the sources of images that are known before one is opened."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Image shape (channels, height, width) of the sources with a fixed shape.
NATIVE_SHAPES = {
    "digits": (1, 8, 8),
    "MNIST": (1, 28, 28),
    "FashionMNIST": (1, 28, 28),
    "CIFAR10": (3, 32, 32),
    "CIFAR100": (3, 32, 32),
}

#: Number of classes per source.
NATIVE_CLASSES = {"digits": 10, "MNIST": 10, "FashionMNIST": 10, "CIFAR10": 10, "CIFAR100": 100, "ImageNet": 1000}

#: Numbers of training and test images per source.
NATIVE_IMAGES = {
    "digits": (1437, 360),
    "MNIST": (60_000, 10_000),
    "FashionMNIST": (60_000, 10_000),
    "CIFAR10": (50_000, 10_000),
    "CIFAR100": (50_000, 10_000),
    "ImageNet": (1_281_167, 50_000),
}

#: Default number of held-out images, and the largest fraction of their split that this default may take.
HELD_OUT, HELD_OUT_FRACTION = 500, 0.2


def folder_of(folder: str | Path, split: str) -> Path:
    """Return the folder of a split's class folders; without train/ and test/, all images are test images."""
    divided = any(Path(folder, name).is_dir() for name in ("train", "test"))
    return Path(folder, split) if divided or split == "train" else Path(folder)


def image_shape(settings: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the shape (channels, height, width) of a data set's images, from its section ``datasets.<name>`` alone."""
    if settings["source"] in NATIVE_SHAPES:
        return NATIVE_SHAPES[settings["source"]]
    return settings.get("channels", 3), settings["size"], settings["size"]


def known_classes(settings: Mapping[str, Any]) -> int | None:
    """Return the number of classes, from the section ``datasets.<name>``; None if the folder does not exist yet."""
    if settings["source"] in NATIVE_CLASSES:
        return NATIVE_CLASSES[settings["source"]]
    return sum(entry.is_dir() for entry in folder_of(settings["folder"], "test").glob("*")) or None


def known_images(settings: Mapping[str, Any]) -> dict[str, int]:
    """Return how many images a data set keeps by split, from its section ``datasets.<name>`` and its folder."""
    splits = ("train", "test")
    counts: Sequence[int]
    if settings["source"] in NATIVE_IMAGES:
        counts = NATIVE_IMAGES[settings["source"]]
    else:
        counts = [sum(1 for _ in folder_of(settings["folder"], split).glob("*/*")) for split in splits]
    return {split: min(count, settings.get(split) or count) for split, count in zip(splits, counts, strict=True)}


def sampled_sides(sides: Sequence[float], size: int) -> list[int]:
    """Return the sides d_low in pixels to downsample to, descending; sides up to 1 are fractions of ``size``."""
    return sorted({round(side * size) if side <= 1 else int(side) for side in sides}, reverse=True)
