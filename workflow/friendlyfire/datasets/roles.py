"""Order and roles of the images of a data set, drawn once."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from friendlyfire.datasets.sources import HELD_OUT, HELD_OUT_FRACTION
from friendlyfire.records.errors import DataError
from friendlyfire.records.seeds import derive_seed

#: Roles of images. Those that train a network may be in another role too; of the others no image is in two.
#: ``directions`` make every basis, ``held-out`` ones are attacked to see what of an attack lies in a basis, and on
#: ``measured`` ones everything else is measured.
ROLES = ("training", "directions", "held-out", "measured")

#: Fewest images of a role: an interval needs two.
FEWEST_IN_ROLE = 2

#: Fraction of the measured images that may be among the others; CIFAR-100 has some.
REPEATED = 0.05


def draw_order(images: int, settings: Mapping[str, Any], split: str) -> np.ndarray:
    """Draw the indices (n,) of the images of a split that are kept, in the order that all stages take them in."""
    generator = np.random.default_rng(derive_seed(settings["seed"], "datasets", settings["dataset"], split))
    return generator.permutation(images)[: settings.get(split)]


def draw_roles(settings: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, tuple[str, int, int]]:
    """Divide the images of a data set into :data:`ROLES`.

    The order of the images is random, so a role is a range of it, and ranges that follow each other are disjoint.
    Training images make directions or are held out, and test images are measured. Where there are no training images,
    the test images are divided into all three.

    Args:
        settings: the section ``datasets.<name>``: ``held_out`` and ``measured`` fix the sizes of these roles.
        counts: images by split.

    Returns:
        Split, start and stop of each role.

    Raises:
        DataError: a role has fewer than two images, or ``measured`` is given though there are test images.
    """
    name, divided = settings["dataset"], "train" if "train" in counts else "test"
    images = counts[divided]
    held_out = settings.get("held_out") or min(HELD_OUT, int(HELD_OUT_FRACTION * images))
    if divided == "test":
        measured = settings.get("measured") or (images - held_out) // 2
    elif settings.get("measured"):
        raise DataError(
            f"datasets.{name}.measured: all test images are measured; to keep fewer of them, set its key test"
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
            f"{FEWEST_IN_ROLE}); add images, or set its keys held_out and measured"
        )
    return {"training": ("train", 0, images), **roles} if divided == "train" else roles


def digest_of(image: np.ndarray) -> bytes:
    """Eight bytes that stand for the pixels of an image."""
    return hashlib.blake2b(image.tobytes(), digest_size=8).digest()


def check_repeated(seen: Mapping[str, Sequence[bytes]], roles: Mapping[str, tuple[str, int, int]], name: str) -> str:
    """Count measured images that are, pixel by pixel, among those of other roles; refuse a data set of many of them.

    Args:
        seen: digests of the images by split, in their order.
        roles: split, start and stop of each role.
        name: of the data set.

    Returns:
        How many there are, in words; empty if there are none.

    Raises:
        DataError: more than :data:`REPEATED` of the measured images are there twice.
    """
    images = {role: seen[split][start:stop] for role, (split, start, stop) in roles.items()}
    others = {image for role in ("directions", "held-out") for image in images[role]}
    repeated = sum(image in others for image in images["measured"])
    found = f"{repeated:,} of {len(images['measured']):,} measured images are among those of other roles too"
    if repeated > REPEATED * len(images["measured"]):
        raise DataError(f"datasets.{name}: {found}; give test images that are not among the training images")
    return f"{name}: {found}" if repeated else ""
