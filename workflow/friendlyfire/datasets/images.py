"""Images from their source: scikit-learn's digits, torchvision's sets by name, or any folder of images.

Everything here is NumPy; images are uint8 of shape (n, channels, height, width).
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from friendlyfire.datasets.sources import folder_of, image_shape
from friendlyfire.records.errors import ConfigError, DataError, in_a_line
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import Store

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


class Split(Protocol):
    """One half (train or test) of a source: labels at once, images one by one."""

    labels: np.ndarray  # (n,) int64
    class_names: list[str]

    def image(self, index: int) -> np.ndarray:
        """Load the image at ``index``: uint8, (channels, height, width)."""
        ...

    def fingerprint(self) -> str:
        """Return a short text that changes with the images."""
        ...


@dataclass
class ArraySplit:
    """A split that is fully in memory."""

    images: np.ndarray  # (n, channels, height, width) uint8
    labels: np.ndarray
    class_names: list[str]

    def fingerprint(self) -> str:
        """Return a text that changes with the images."""
        return f"{zlib.crc32(np.ascontiguousarray(self.images)):08x}"

    def image(self, index: int) -> np.ndarray:
        """Load the image at ``index``: uint8, (channels, height, width)."""
        return self.images[index]


class FileSplit:
    """A split of image files, each decoded, resized and cropped to a square on access."""

    def __init__(self, files: Sequence[Path], labels: np.ndarray, class_names: list[str], shape: tuple[int, int, int]):
        self.files = files
        self.labels = labels
        self.class_names = class_names
        self.shape = shape

    def fingerprint(self) -> str:
        """Return a text that changes with the names, sizes and times of the files."""
        states = ((file, file.stat()) for file in self.files)
        listing = "".join(f"{file} {state.st_size} {state.st_mtime_ns}\n" for file, state in states)
        return f"{zlib.crc32(os.fsencode(listing)):08x}"

    def image(self, index: int) -> np.ndarray:
        """Load the image at ``index``: uint8, (channels, height, width); a DataError names an unreadable file."""
        try:
            with Image.open(self.files[index]) as picture:
                return square_image(picture, self.shape[0], self.shape[1])
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"{self.files[index]} is not a readable image ({error}); replace or remove it") from error


def square_image(picture: Image.Image, channels: int, size: int) -> np.ndarray:
    """Convert a picture to uint8 (channels, size, size).

    A picture of that size is not resized. Any other picture is scaled (bicubic, antialiased) until its shorter side is
    8/7 of ``size``, and cropped to its centre: 256 and 224 pixels, as is usual for ImageNet. Values of 16 bits are
    scaled to 8 bits.

    Raises:
        ValueError: the picture has 32 bits per value, whose range is not known.
    """
    if picture.mode.startswith("I;16"):
        deep = np.asarray(picture, dtype=np.uint16)
        picture = Image.fromarray(np.rint(deep / 257).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise ValueError(f"values of 32 bits (mode {picture.mode}) have no known range; save it with 8 or 16 bits")
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (size, size):
        scale = size * 8 / 7 / min(picture.size)
        width, height = (max(size, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - size) // 2, (height - size) // 2
        picture = picture.crop((left, top, left + size, top + size))
    array = np.asarray(picture, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def digits_splits(seed: int) -> dict[str, Split]:
    """Load scikit-learn's 1,797 handwritten digits of 8 x 8 pixels; a fifth of each class are test images."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    halves = train_test_split(
        np.arange(len(images)),
        test_size=0.2,
        stratify=digits.target,
        random_state=derive_seed(seed, "datasets", "digits") % 2**32,
    )
    names = [str(name) for name in digits.target_names]
    return {
        split: ArraySplit(images[part], digits.target[part].astype(np.int64), names)
        for split, part in zip(("train", "test"), map(np.sort, halves), strict=True)
    }


def torchvision_splits(source: str, root: Path, shape: tuple[int, int, int]) -> dict[str, Split]:
    """Load one of torchvision's data sets from ``root``, without downloading it."""
    import torchvision

    try:
        if source == "ImageNet":
            parts = {
                split: torchvision.datasets.ImageNet(root, split=part)
                for split, part in {"train": "train", "test": "val"}.items()
            }
            return {
                split: FileSplit(
                    [Path(file) for file, _ in part.samples],
                    np.array(part.targets, dtype=np.int64),
                    [names[0] for names in part.classes],
                    shape,
                )
                for split, part in parts.items()
            }
        parts = {
            split: getattr(torchvision.datasets, source)(root, train=split == "train") for split in ("train", "test")
        }
    except (RuntimeError, OSError, ValueError, AssertionError, EOFError) as error:  # torchvision asserts.
        reason = in_a_line(error)
        way_out = "put torchvision's archives there" if source == "ImageNet" else "remove it to download it again"
        raise DataError(f"{source} cannot be read from {root} ({reason}); {way_out}") from error
    return {
        split: ArraySplit(
            np.asarray(part.data).reshape(len(part), shape[1], shape[2], shape[0]).transpose(0, 3, 1, 2),
            np.asarray(part.targets, dtype=np.int64),
            [str(name) for name in part.classes],
        )
        for split, part in parts.items()
    }


def folder_splits(folder: Path, shape: tuple[int, int, int]) -> dict[str, Split]:
    """Load a folder of images, ``{train,test}/<class>/*`` or ``<class>/*``; classes follow the sorted class folders."""
    if not folder.is_dir():
        raise DataError(f"image folder {folder} does not exist; it must hold train/<class>/ and test/<class>/")
    folders = {split: folder_of(folder, split) for split in ("train", "test")}
    classes = {
        split: sorted(entry.name for entry in place.iterdir() if entry.is_dir())
        for split, place in folders.items()
        if place.is_dir()
    }
    if "test" not in classes:
        raise DataError(f"image folder {folder} has no folder test/; it must hold train/<class>/ and test/<class>/")
    if "train" in classes and classes["train"] != classes["test"]:
        odd = sorted(set(classes["train"]) ^ set(classes["test"]))
        raise DataError(f"image folder {folder}: train/ and test/ must hold the same classes, but only one has {odd}")
    return {split: _folder_split(folders[split], names, shape) for split, names in classes.items()}


def _folder_split(folder: Path, class_names: list[str], shape: tuple[int, int, int]) -> FileSplit:
    if len(class_names) < 2:
        raise DataError(f"{folder} holds {len(class_names)} class folders; a classifier needs at least 2")
    files, labels = [], []
    for label, name in enumerate(class_names):
        found = sorted(file for file in (folder / name).iterdir() if file.suffix.lower() in _SUFFIXES)
        for file in found:
            if not file.is_file():  # reading a pipe would block
                raise DataError(f"{file} has the name of an image but is not a file; replace or remove it")
        if not found:
            raise DataError(
                f"class folder {folder / name} holds no images; add some ({', '.join(sorted(_SUFFIXES))}) or remove it"
            )
        files += found
        labels += [label] * len(found)
    return FileSplit(files, np.array(labels, dtype=np.int64), class_names, shape)


def source_splits(settings: dict[str, Any], root: Path, seed: int) -> dict[str, Split]:
    """Load the train and test splits of a data set, and check them.

    Args:
        settings: the section ``datasets.<name>`` of the configuration.
        root: ``data_dir``, the folder of torchvision's data sets.
        seed: the seed of the configuration, for sources without their own test set.

    Raises:
        DataError: the source is missing, unreadable, or its labels do not fit its classes.
    """
    shape = image_shape(settings)
    match settings["source"]:
        case "digits":
            splits = digits_splits(seed)
        case "folder":
            splits = folder_splits(Path(settings["folder"]), shape)
        case source:
            splits = torchvision_splits(source, root, shape)
    for name, split in splits.items():
        low, high, classes = split.labels.min(), split.labels.max(), len(split.class_names)
        if low < 0 or high >= classes:
            raise DataError(
                f"{settings['source']}: {name} labels run from {low} to {high}, but there are {classes} classes"
            )
    return splits


class Part:
    """The first images of a role, in the order that was drawn once; slices are read from disk on access."""

    def __init__(self, store: Store, split: str, start: int, stop: int):
        self._store, self._start, self._stop = store, start, stop
        #: The split of the source that holds the images: "train" or "test".
        self.split = split

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)"""
        return self._store.shape(f"{self.split}/images")[1:]

    def images(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Load images ``start`` to ``stop``: uint8 (n, channels, height, width)."""
        return self._read("images", start, stop)

    def labels(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Load the labels of the same images: int64 (n,)."""
        return self._read("labels", start, stop)

    def indices(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Load the positions of the same images in their split of the source: int64 (n,)."""
        return self._read("indices", start, stop)

    def _read(self, name: str, start: int, stop: int | None) -> np.ndarray:
        stop = len(self) if stop is None else min(stop, len(self))
        return self._store.read(f"{self.split}/{name}", slice(self._start + start, self._start + stop))


class Dataset:
    """A data set in its store: images, labels and their mean, in the order and roles that were drawn once."""

    def __init__(self, store: Store):
        self._store = store
        self.class_names: list[str] = store.record["class_names"]
        #: Split, start and stop of each role; see :func:`draw_roles`.
        self.roles: dict[str, tuple[str, int, int]] = store.record["roles"]
        #: (channels, height, width)
        self.shape: tuple[int, int, int] = store.shape("test/images")[1:]
        #: Mean of the training images, or else of those that make directions: pixels in [0, 1], float64, same shape.
        self.mean: np.ndarray = store["mean"]
        #: Standard deviation of the pixels of the same images about their mean image, one number.
        self.deviation: float = float(store["deviation"])

    @property
    def pixels(self) -> int:
        """d, the number of pixel values of an image."""
        return int(np.prod(self.shape))

    @property
    def rows(self) -> int:
        """Number of images to hold at once: what fits into 128 MB in float32, at most 1,024."""
        return min(1024, max(1, 2**27 // (4 * self.pixels)))

    def chosen_classes(self, classes: str | list[int]) -> list[int]:
        """Return the indices of the classes that ``boundary.classes`` names: "all", or a list of indices."""
        known = list(range(len(self.class_names)))
        if classes == "all":
            return known
        unknown = sorted(set(classes) - set(known))
        if unknown:
            raise ConfigError(f"boundary.classes: there is no class {unknown[0]}; the data set has 0 to {known[-1]}")
        return sorted(classes)

    def part(self, role: str, limit: int | None = None) -> Part:
        """Return the first ``limit`` images of a role, or all of them if there are fewer.

        Raises:
            DataError: no image has this role, such as ``training`` if the source has no training images.
        """
        if role not in self.roles:
            raise DataError(f"no image of {self._store.path} has the role {role!r}; it has {', '.join(self.roles)}")
        split, start, stop = self.roles[role]
        return Part(self._store, split, start, min(stop, start + limit) if limit else stop)
