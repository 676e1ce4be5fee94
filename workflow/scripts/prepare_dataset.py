"""The source of a data set -> its images in an order drawn once, with labels, indices and the mean image."""

from engine.job import announce, progress, run

import hashlib
import json
import logging
from pathlib import Path

import numpy as np

from engine.notes import made
from friendlyfire.datasets.images import draw_roles, source_splits
from friendlyfire.datasets.sources import image_shape
from friendlyfire.records.errors import DataError
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store

#: Fraction of the measured images that may be among the others; CIFAR-100 has some.
REPEATED = 0.05


def main(inputs, outputs, settings):
    splits = source_splits(settings, Path(settings["data_dir"]), settings["seed"])
    stock = json.loads(Path(inputs.stock).read_text(encoding="utf-8"))
    found = {name: len(split.labels) for name, split in splits.items()}
    if found != stock["images"] or stock["fingerprints"] != {name: s.fingerprint() for name, s in splits.items()}:
        raise DataError(
            f"{settings['dataset']} had other images ({stock['images']}) than now ({found}); remove {inputs.stock} to "
            "take stock anew"
        )
    orders = {name: draw_order(len(split.labels), settings, name) for name, split in splits.items()}
    roles = draw_roles(settings, {name: len(order) for name, order in orders.items()})
    logging.info("roles: %s", roles)
    # What the network and the projections subtract may know of no image that something is measured on.
    averaged, first, last = roles.get("training", roles["directions"])
    record = {
        "dataset": settings["dataset"],
        "settings": {key: settings[key] for key in settings if key not in ("device", "data_dir", "provenance")},
        **made(settings),
        "class_names": splits["test"].class_names,
        "roles": roles,
        "units": "images: 0 to 255; mean and deviation: pixels in [0, 1]",
    }
    seen = {}
    with create_store(outputs.dataset, "dataset", record) as store:
        for name, split in splits.items():
            order = orders[name]
            store.array(f"{name}/labels", split.labels[order])
            store.array(f"{name}/indices", order)
            images = store.empty(f"{name}/images", (len(order), *image_shape(settings)), np.uint8)
            total, squares = 0, 0
            rows = images.chunks[0]
            for start in progress(range(0, len(order), rows), f"{name} images"):
                part = np.stack([split.image(index) for index in order[start : start + rows]])
                images[start : start + len(part)] = part
                seen.setdefault(name, []).extend(digest_of(image) for image in part)
                if name == averaged:
                    counted = part[max(first - start, 0) : max(last - start, 0)]
                    total = total + counted.sum(0, dtype=np.int64)
                    squares = squares + np.square(counted, dtype=np.int64).sum(0)
            if name == averaged:
                mean = total / (last - first) / 255
                store.array("mean", mean)
                store.array("deviation", np.sqrt(np.mean(squares / (last - first) / 255**2 - mean**2)))
            logging.info("%s: %d images of %s", name, len(order), image_shape(settings))
        tell_repeated(seen, roles, settings["dataset"])


def digest_of(image: np.ndarray) -> bytes:
    """Eight bytes that stand for the pixels of an image."""
    return hashlib.blake2b(image.tobytes(), digest_size=8).digest()


def tell_repeated(seen: dict[str, list[bytes]], roles: dict[str, tuple[str, int, int]], name: str) -> None:
    """Tell of measured images that are, pixel by pixel, among those of other roles; refuse a data set of many of them.

    Args:
        seen: digests of the images by split, in their order.
        roles: split, start and stop of each role.
        name: of the data set.

    Raises:
        DataError: more than :data:`REPEATED` of the measured images are there twice.
    """
    images = {role: seen[split][start:stop] for role, (split, start, stop) in roles.items()}
    others = {image for role in ("directions", "held-out") for image in images[role]}
    repeated = sum(image in others for image in images["measured"])
    told = f"{repeated:,} of {len(images['measured']):,} measured images are among those of other roles too"
    if repeated > REPEATED * len(images["measured"]):
        raise DataError(f"datasets.{name}: {told}; give test images that are not among the training images")
    if repeated:
        announce(f"{name}: {told}")


def draw_order(images: int, settings: dict, split: str) -> np.ndarray:
    """Indices (n,) of the images of a split that are kept, in the order that all stages take them in."""
    generator = np.random.default_rng(derive_seed(settings["seed"], "datasets", settings["dataset"], split))
    return generator.permutation(images)[: settings.get(split)]


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
