"""A network, images and a basis -> accuracy on the projected images at each rank."""

from engine.job import progress, run

import numpy as np
import pandas as pd
import torch

from engine.notes import made
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.measures.ranks import rank_grid
from friendlyfire.networks.network import as_pixels, load_network, predict
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.stores import create_store, open_store
from friendlyfire.records.tables import write_table


def main(inputs, outputs, settings):
    section, device = settings["accuracy"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.basis, "basis", settings["experiment"]) as store:
        basis, rounds = torch.from_numpy(store["vectors"].astype(np.float32)).to(device), store["rounds"]
    tables, arrays = [], {}
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        grid = rank_grid(section, basis.shape[1], rounds, len(dataset.chosen_classes(settings["boundary"]["classes"])))
        mean = torch.from_numpy(dataset.mean).float().to(device)
        for role in ("training", "measured"):
            if role not in dataset.roles:
                continue
            part = dataset.part(role, section[f"{role}_images"])

            def batches(part=part, role=role):
                # Projected at once; they pass through the network in smaller batches.
                for start in progress(range(0, len(part), dataset.rows), f"{role} images"):
                    labels = torch.from_numpy(part.labels(start, start + dataset.rows)).to(device)
                    yield as_pixels(part.images(start, start + dataset.rows), device), labels

            correct = correct_by_rank(lambda x: predict(network, x), batches(), mean, basis, grid["rank"].tolist())
            arrays[f"{role}/correct"] = np.packbits(correct, axis=1)
            arrays[f"{role}/indices"] = part.indices()
            columns = accuracies(correct.sum(1), len(part), role)
            tables.append(grid.assign(split=part.split, role=role, **columns, images=len(part)))
    table = pd.concat(tables)
    table.insert(0, "experiment", settings["experiment"])
    table.insert(1, "basis", settings["basis"])
    write_table(outputs.accuracy, table, settings)
    record = {
        "experiment": settings["experiment"],
        "basis": settings["basis"],
        **made(settings),
        "units": "correct: a row a rank, a bit an image (numpy.packbits); indices: of the images in their split",
    }
    with create_store(outputs.images, "accuracy", record) as store:
        store.array("ranks", grid["rank"].to_numpy())
        for name, array in arrays.items():
            store.array(name, array)


def accuracies(correct: np.ndarray, images: int, role: str) -> dict[str, list[float]]:
    """Columns accuracy, ci_low and ci_high (95 %, Wilson).

    Accuracy on the images that trained the network is in-sample: it estimates nothing about others, so it has no
    interval.
    """
    bounds = [(np.nan, np.nan) if role == "training" else wilson_interval(int(count), images) for count in correct]
    low, high = zip(*bounds, strict=True)
    return {"accuracy": [count / images for count in correct], "ci_low": low, "ci_high": high}


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
