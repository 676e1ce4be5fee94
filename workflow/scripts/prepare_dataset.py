"""Store the images of a data set in a random order, with labels, indices and the mean image."""

from engine.job import announce, run

import json
import logging
from pathlib import Path

import numpy as np

from engine.notes import made
from friendlyfire.datasets.frequencies import FlippedSplit
from friendlyfire.datasets.images import source_splits
from friendlyfire.datasets.roles import check_repeated, digest_of, draw_order, draw_roles
from friendlyfire.datasets.sources import image_shape
from friendlyfire.records.errors import DataError
from friendlyfire.records.progress import progress
from friendlyfire.records.stores import create_store


def main(inputs, outputs, settings):
    splits = source_splits(settings, Path(settings["data_dir"]), settings["seed"])
    if settings.get("frequencies") == "flipped":
        splits = {name: FlippedSplit(split) for name, split in splits.items()}
    stock = json.loads(Path(inputs.stock).read_text(encoding="utf-8"))
    found = {name: len(split.labels) for name, split in splits.items()}
    if found != stock["images"] or stock["fingerprints"] != {name: s.fingerprint() for name, s in splits.items()}:
        raise DataError(
            f"{settings['dataset']} had other images ({stock['images']}) than now ({found}); remove {inputs.stock} to "
            "read its source again"
        )
    orders = {name: draw_order(len(split.labels), settings, name) for name, split in splits.items()}
    roles = draw_roles(settings, {name: len(order) for name, order in orders.items()})
    logging.info("roles: %s", roles)
    # The mean that networks and projections subtract must not depend on measured images.
    averaged, first, last = roles.get("training", roles["directions"])
    record = {
        "dataset": settings["dataset"],
        "settings": settings["config"]["datasets"][settings["dataset"]],
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
    if repeated := check_repeated(seen, roles, settings["dataset"]):
        announce(repeated)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
