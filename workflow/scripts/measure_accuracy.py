"""A network, images and a basis -> accuracy on the projected images at each rank."""

import numpy as np
import pandas as pd
import torch

from friendlyfire.accuracy import count_correct_by_rank
from friendlyfire.datasets import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.intervals import wilson_interval
from friendlyfire.networks import as_pixels, load_network, predict
from friendlyfire.ranks import rank_grid
from friendlyfire.stores import open_store
from job import progress, run
from tables import write_table


def main(inputs, outputs, settings):
    section, device = settings["accuracy"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.basis, "basis", settings["experiment"]) as store:
        basis, rounds = torch.from_numpy(store["vectors"].astype(np.float32)).to(device), store["rounds"]
    tables = []
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        grid = rank_grid(section, basis.shape[1], rounds, len(dataset.chosen_classes(settings["curvature"]["classes"])))
        mean = torch.from_numpy(dataset.mean).float().to(device)
        for split in dataset.splits:
            images = dataset.count(split, section[f"{split}_images"])

            def batches(split=split, images=images):
                # Projected at once; they pass through the network in smaller batches.
                for start in progress(range(0, images, dataset.rows), f"{split} images"):
                    stop = min(start + dataset.rows, images)
                    labels = torch.from_numpy(dataset.labels(split, start, stop)).to(device)
                    yield as_pixels(dataset.images(split, start, stop), device), labels

            correct = count_correct_by_rank(
                lambda x: predict(network, x), batches(), mean, basis, grid["rank"].tolist()
            )
            tables.append(grid.assign(split=split, **accuracies(correct, images), images=images))
    table = pd.concat(tables)
    table.insert(0, "experiment", settings["experiment"])
    table.insert(1, "basis", settings["basis"])
    write_table(outputs.accuracy, table, settings)


def accuracies(correct: np.ndarray, images: int) -> dict[str, list[float]]:
    """Columns accuracy, ci_low and ci_high (95 %, Wilson)."""
    low, high = zip(*(wilson_interval(int(count), images) for count in correct), strict=True)
    return {"accuracy": [count / images for count in correct], "ci_low": low, "ci_high": high}


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
