"""Order and roles of the images of a data set, drawn once."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from friendlyfire.datasets.sources import HELD_OUT, HELD_OUT_FRACTION
from friendlyfire.records.errors import DataError
from friendlyfire.records.seeds import derive_seed

#: Roles of images. ``training`` images may have a second role; the other roles are disjoint. ``directions`` images make
#: every basis. ``held-out`` images are attacked to measure the fraction of an attack that lies in a basis. Everything
#: else is measured on ``measured`` images.
ROLES = ("training", "directions", "held-out", "measured")

#: Smallest number of images per role: an interval needs two.
FEWEST_IN_ROLE = 2

#: Largest fraction of the measured images that may also have another role; CIFAR-100 has such images.
REPEATED = 0.05


def draw_order(images: int, settings: Mapping[str, Any], split: str) -> np.ndarray:
    """Draw the indices (n,) of the images of a split to keep, in the order that all stages use."""
    generator = np.random.default_rng(derive_seed(settings["seed"], "datasets", settings["dataset"], split))
    return generator.permutation(images)[: settings.get(split)]


def draw_roles(settings: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, tuple[str, int, int]]:
    """Divide the images of a data set into :data:`ROLES`.

    The order of the images is random, so each role is a range of it, and consecutive ranges are disjoint. Training
    images make directions or are held out, and test images are measured. If there are no training images, the test
    images are divided into all three roles.

    Args:
        settings: the section ``datasets.<name>``; ``held_out`` and ``measured`` set the sizes of these roles.
        counts: images by split.

    Returns:
        Split, start and stop of each role.

    Raises:
        DataError: a role has fewer than two images, or ``measured`` is given although there are training images.
    """
    name, divided = settings["dataset"], "train" if "train" in counts else "test"
    images = counts[divided]
    held_out = settings.get("held_out") or min(HELD_OUT, int(HELD_OUT_FRACTION * images))
    if divided == "test":
        measured = settings.get("measured") or (images - held_out) // 2
    elif settings.get("measured"):
        raise DataError(
            f"datasets.{name}.measured: all test images are measured; to keep fewer of them, set datasets.{name}.test"
        )
    else:
        measured = 0
    directions = images - held_out - measured
    roles = {
        "directions": (divided, 0, directions),
        "held-out": (divided, directions, directions + held_out),
        "measured": ("test", images - measured if divided == "test" else 0, counts["test"]),
    }
    sizes = {role: stop - start for role, (_, start, stop) in roles.items()}
    if min(sizes.values()) < FEWEST_IN_ROLE:
        listed = ", ".join(f"{size} {role}" for role, size in sizes.items())
        raise DataError(
            f"datasets.{name}: {images} {divided} images are too few for their roles ({listed}; each needs "
            f"{FEWEST_IN_ROLE}); add images, or set the keys held_out and measured"
        )
    return {"training": ("train", 0, images), **roles} if divided == "train" else roles


def digest_of(image: np.ndarray) -> bytes:
    """Return a digest of eight bytes of the pixels of an image."""
    return hashlib.blake2b(image.tobytes(), digest_size=8).digest()


def check_repeated(seen: Mapping[str, Sequence[bytes]], roles: Mapping[str, tuple[str, int, int]], name: str) -> str:
    """Count measured images that are equal, pixel by pixel, to images of other roles; raise if there are too many.

    Args:
        seen: digests of the images by split, in order.
        roles: split, start and stop of each role.
        name: name of the data set.

    Returns:
        A sentence with the count; empty if there are none.

    Raises:
        DataError: more than the fraction :data:`REPEATED` of the measured images also have another role.
    """
    images = {role: seen[split][start:stop] for role, (split, start, stop) in roles.items()}
    others = {image for role in ("directions", "held-out") for image in images[role]}
    repeated = sum(image in others for image in images["measured"])
    found = f"{repeated:,} of {len(images['measured']):,} measured images are also among the images of other roles"
    if repeated > REPEATED * len(images["measured"]):
        raise DataError(f"datasets.{name}: {found}; give test images that are not among the training images")
    return f"{name}: {found}" if repeated else ""
