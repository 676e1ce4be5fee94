"""Find points on the boundaries of the target classes, with the status of each image."""

from engine.job import run

import logging

from engine.notes import made
from friendlyfire.attacks.statuses import Status, count_statuses
from friendlyfire.curvature.boundary import boundary_points
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import as_pixels, load_network
from friendlyfire.records.errors import CurvatureError
from friendlyfire.records.progress import progress
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
            options = settings["perturbations"]["deepfool"]
            points = boundary_points(network, images, c, step_back=section["step_back"], **options)
            found = {name: tensor.cpu().numpy() for name, tensor in vars(points).items()}
            counts = count_statuses(found["statuses"])
            logging.info("class %s: %s", dataset.class_names[c], counts)
            # Each half of the images has its own mean Hessian, and the two are compared.
            if set(found["positions"] % 2) != {0, 1}:
                way_out = "raise boundary.images or perturbations.deepfool.max_iterations"
                if 2 * counts.get("already_there", 0) > len(images):
                    way_out = (
                        "most images are already classified so: check the weights, the normalisation and the classes"
                    )
                raise CurvatureError(
                    f"class {dataset.class_names[c]!r} of {settings['experiment']} has too few boundary points: "
                    f"{counts}, but each half of the images needs one; {way_out}"
                )
            for name, array in found.items():
                target.array(f"{c}/{name}", array)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
