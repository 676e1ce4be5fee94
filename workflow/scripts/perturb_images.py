"""A network and images -> adversarial perturbations of these images, with the status of each attack."""

import logging

import numpy as np

from friendlyfire.datasets import Dataset
from friendlyfire.deepfool import Status, deepfool
from friendlyfire.devices import resolve_device
from friendlyfire.errors import NetworkError
from friendlyfire.networks import as_pixels, load_network
from friendlyfire.stores import create_store, open_store
from job import progress, run

#: Images that are attacked between two lines of the log.
ROWS = 512


def main(inputs, outputs, settings):
    section, device = settings["perturbations"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    record = {
        "experiment": settings["experiment"],
        "attack": "deepfool",
        "settings": section,
        "seed": settings["seed"],
        "split": section["split"],
        "units": "perturbations and norms: pixels in [0, 1]; without the overshoot",
        "statuses": {status.name.lower(): int(status) for status in Status},
    }
    with (
        open_store(inputs.dataset, "dataset") as store,
        create_store(outputs.perturbations, "perturbations", record) as target,
    ):
        dataset = Dataset(store)
        n = dataset.count(section["split"], section["images"])
        perturbations = np.empty((n, dataset.pixels), dtype=np.float32)
        columns = {name: np.empty(n, dtype=np.int64) for name in ("sources", "reached", "statuses", "iterations")}
        for start in progress(range(0, n, ROWS), f"parts of {ROWS} images"):
            rows = slice(start, min(start + ROWS, n))
            images = as_pixels(dataset.images(section["split"], rows.start, rows.stop), device)
            attack = deepfool(network, images, **section["deepfool"])
            perturbations[rows] = attack.perturbations.flatten(1).cpu().numpy()
            for name, column in columns.items():
                column[rows] = getattr(attack, name).cpu().numpy()
        target.array("perturbations", perturbations)
        target.array("norms", np.linalg.norm(perturbations.astype(np.float64), axis=1))
        target.array("labels", dataset.labels(section["split"], 0, n))
        target.array("indices", dataset.indices(section["split"], 0, n))
        for name, column in columns.items():
            target.array(name, column)
    told(columns["statuses"], perturbations, settings["experiment"])


def told(statuses: np.ndarray, perturbations: np.ndarray, experiment: str) -> None:
    """Log how the attacks ended.

    Raises:
        NetworkError: none succeeded.
    """
    counts = {status.name.lower(): int((statuses == status).sum()) for status in Status}
    if not counts["converged"]:
        raise NetworkError(f"no image of {experiment} could be fooled: {counts}; is the network's output constant?")
    norms = np.linalg.norm(perturbations[statuses == Status.CONVERGED], axis=1)
    logging.info("%s; mean norm %.4g, median %.4g", counts, norms.mean(), np.median(norms))


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
