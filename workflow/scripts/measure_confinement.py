"""A network, images and a basis -> norms of attacks confined to its first columns, and pictures of some."""

from engine.job import progress, run

import numpy as np
import pandas as pd
import torch

from engine.notes import made
from friendlyfire.attacks.deepfool import Attack, deepfool
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.measures.accuracy import nested_projections
from friendlyfire.measures.ranks import spaced_ranks
from friendlyfire.networks.network import as_pixels, load_network
from friendlyfire.records.intervals import mean_interval, wilson_interval
from friendlyfire.records.stores import create_store, open_store
from friendlyfire.records.tables import write_table


def main(inputs, outputs, settings):
    section, device = settings["confinement"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.basis, "basis", settings["experiment"]) as store:
        basis = torch.from_numpy(store["vectors"].astype(np.float32)).to(device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        part = dataset.part("measured", section["images"])
        images, indices, n = as_pixels(part.images(), device), part.indices(), len(part)
        mean = torch.from_numpy(dataset.mean).float().to(device)
    ranks, shown = rank_list(section["ranks"], basis.shape[1]), min(section["pictures"], n)
    rows, perturbations, projections = [], [], []
    projected_images = nested_projections(images, mean, basis, ranks)
    for rank, projected in zip(progress(ranks, "ranks"), projected_images, strict=True):
        attack = deepfool(network, images, basis=basis[:, :rank], **settings["perturbations"]["deepfool"])
        rows.append({"rank": rank, **summary(attack, projected - mean)})
        perturbations.append(attack.perturbations[:shown].cpu().numpy())
        projections.append(projected[:shown].cpu().numpy())
    table = pd.DataFrame(rows)
    table.insert(0, "experiment", settings["experiment"])
    table.insert(1, "basis", settings["basis"])
    table.insert(2, "role", "measured")
    write_table(outputs.confinement, table, settings)
    record = {
        "experiment": settings["experiment"],
        "basis": settings["basis"],
        "settings": section,
        **made(settings),
        "role": "measured",
        "units": "pixels in [0, 1]; perturbations without the overshoot",
    }
    with create_store(outputs.pictures, "pictures", record) as store:
        store.array("ranks", np.array(ranks))
        store.array("indices", indices[:shown])
        store.array("images", images[:shown].cpu().numpy())
        store.array("perturbations", np.stack(perturbations))  # (ranks, n, channels, height, width)
        store.array("projections", np.stack(projections))


def rank_list(ranks: int | list[int], largest: int) -> list[int]:
    """The asked ranks that the basis has, and all of it."""
    chosen = spaced_ranks(largest, ranks) if isinstance(ranks, int) else ranks
    return sorted({rank for rank in chosen if rank < largest} | {largest})


def summary(attack: Attack, projected: torch.Tensor) -> dict[str, float]:
    """Mean norms with 95 % intervals: of the attacks that succeeded, and of all projected images."""
    converged = attack.converged.cpu().numpy()
    norms = attack.overshot.flatten(1).double().norm(dim=1).cpu().numpy()[converged]
    image_norms = projected.flatten(1).double().norm(dim=1).cpu().numpy()
    row = {"norm": np.nan, "norm_ci_low": np.nan, "norm_ci_high": np.nan}  # of no success there is no norm
    if len(norms):
        row["norm"] = norms.mean()
    if len(norms) > 1:
        row["norm_ci_low"], row["norm_ci_high"] = mean_interval(norms)
    row["image_norm"] = image_norms.mean()
    row["image_norm_ci_low"], row["image_norm_ci_high"] = mean_interval(image_norms)
    row["success"] = converged.mean()
    row["success_ci_low"], row["success_ci_high"] = wilson_interval(int(converged.sum()), len(converged))
    return {**row, "fooled": len(norms), "images": len(converged)}


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
