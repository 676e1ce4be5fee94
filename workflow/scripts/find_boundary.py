"""A network and images -> their points on the boundaries of the target classes, with what became of each image."""

from engine.job import progress, run

import logging
from dataclasses import fields

import numpy as np
import torch

from engine.notes import made
from friendlyfire.attacks.statuses import Status
from friendlyfire.curvature.boundary import BoundaryPoints, find_boundary
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import as_pixels, load_network
from friendlyfire.records.errors import CurvatureError
from friendlyfire.records.sharing import DIFFERENTIATED_TOGETHER
from friendlyfire.records.stores import create_store, open_store


def main(inputs, outputs, settings):
    section, device = settings["boundary"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        part = dataset.part("directions", section["images"])
        images, indices = as_pixels(part.images(), device), part.indices()
    classes = dataset.chosen_classes(section["classes"])[int(settings["shard"]) :: settings["curvature"]["shards"]]
    record = {
        "experiment": settings["experiment"],
        "settings": section,
        **made(settings),
        "role": "directions",
        "classes": classes,
        "class_names": [dataset.class_names[c] for c in classes],
        "pixels": dataset.pixels,
        "statuses": {status.name.lower(): int(status) for status in Status},
        "units": "points: pixels in [0, 1]; margins: logits",
    }
    with create_store(outputs.boundary, "boundary", record) as target:
        target.array("indices", indices)
        for c in progress(classes, "classes"):
            found = points_of(network, images, c, section, settings["perturbations"]["deepfool"])
            counts = {status.name.lower(): int((found["statuses"] == status).sum()) for status in Status}
            logging.info("class %s: %s", dataset.class_names[c], counts)
            # Each half of the images has its own mean Hessian, so that they can be compared.
            if set(found["positions"] % 2) != {0, 1}:
                raise CurvatureError(
                    f"class {dataset.class_names[c]!r} of {settings['experiment']} has too few boundary points: "
                    f"{counts}, and either half of the images needs one; raise boundary.images or "
                    "perturbations.deepfool.max_iterations"
                )
            for name, array in found.items():
                target.array(f"{c}/{name}", array)


def points_of(network, images: torch.Tensor, target: int, section: dict, deepfool: dict) -> dict[str, np.ndarray]:
    """The arrays of :class:`BoundaryPoints` of one target class, found block by block."""
    found = []
    for start in range(0, len(images), DIFFERENTIATED_TOGETHER):
        block = images[start : start + DIFFERENTIATED_TOGETHER]
        found.append(find_boundary(network, block, target, step_back=section["step_back"], **deepfool))
        found[-1].positions += start
    return {
        field.name: torch.cat([getattr(block, field.name) for block in found]).cpu().numpy()
        for field in fields(BoundaryPoints)
    }


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
