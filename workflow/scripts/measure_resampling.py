"""A network and images -> accuracy, norms and fooling rates behind the unit that samples down and up."""

from engine.job import progress, run

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.attacks.deepfool import Attack, deepfool
from friendlyfire.datasets.images import Dataset
from friendlyfire.datasets.sources import sampled_sides
from friendlyfire.devices import resolve_device
from friendlyfire.measures.resampling import Resampled, resampled
from friendlyfire.networks.network import as_pixels, classes_of, load_network, predict
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import mean_interval, wilson_interval
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import write_table

#: Norms are in the units of the paper's table 1.
UNITS_255 = 255


def main(inputs, outputs, settings):
    section, device = settings["resampling"], resolve_device(settings["device"])
    options = settings["perturbations"]["deepfool"]
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        part = dataset.part("measured", section["images"])
        images, labels = as_pixels(part.images(), device), torch.from_numpy(part.labels()).to(device)
        mean = torch.from_numpy(dataset.mean).float().to(device)
    attack = deepfool(network, images, **options)
    if not attack.converged.any():
        raise NetworkError(f"none of {len(images)} images of {settings['experiment']} could be fooled")
    transfers, attacks = [], []
    sides = sampled_sides(section["sides"], dataset.shape[1])
    for side, path in zip(progress(sides, "sides"), inputs.bases, strict=True):
        unit = Resampled(network, mean, side).eval()
        clean = classes_of(predict(unit, images))
        row = {"side": side, **proportion("accuracy", clean == labels)}
        row |= norms("image_norm", resampled(images - mean, side))
        row |= norms("perturbation_norm", resampled(attack.overshot, side)[attack.converged])
        row["perturbations"] = int(attack.converged.sum())
        for factor in section["factors"]:
            moved = fooled(unit, images, factor * attack.overshot, clean)
            transfers.append({**row, "factor": factor, **proportion("fooling", moved), "images": len(images)})
        with open_store(path, "basis", settings["experiment"]) as store:
            basis = torch.from_numpy(store["vectors"].astype(np.float32)).to(device)
        others = {
            "free, without the unit": attack,
            "confined, without the unit": deepfool(network, images, basis=basis, **options),
            "white box, through the unit": deepfool(unit, images, **options),
        }
        for name, one in others.items():
            dimensions = basis.shape[1] if "confined" in name else dataset.pixels
            attacks.append(
                {"side": side, "attack": name, "dimensions": dimensions, **reached(unit, images, one, clean)}
            )
    for rows, path in ((transfers, outputs.transfer), (attacks, outputs.attacks)):
        table = pd.DataFrame(rows)
        table.insert(0, "experiment", settings["experiment"])
        table.insert(1, "role", "measured")
        write_table(path, table, settings)


def fooled(unit: Resampled, images: Tensor, perturbations: Tensor, clean: Tensor) -> Tensor:
    """Which of all images (n,) change their predicted class behind the unit; failed attacks count as what they give.

    Source: the paper's footnote 7, samples of the data set that change their label.
    """
    return classes_of(predict(unit, images + perturbations.nan_to_num())) != clean


def reached(unit: Resampled, images: Tensor, attack: Attack, clean: Tensor) -> dict[str, float]:
    """What an attack reaches behind the unit: mean norm where it succeeded, successes and fooling of all images."""
    return {
        **norms("norm", attack.overshot[attack.converged]),
        "perturbations": int(attack.converged.sum()),
        **proportion("success", attack.converged),
        **proportion("fooling", fooled(unit, images, attack.overshot, clean)),
        "images": len(images),
    }


def norms(name: str, vectors: Tensor) -> dict[str, float]:
    """Mean norm with its interval, in units of 0 to 255."""
    values = UNITS_255 * vectors.flatten(1).double().norm(dim=1).cpu().numpy()
    if len(values) < 2:
        return dict.fromkeys((name, f"{name}_ci_low", f"{name}_ci_high"), np.nan)
    low, high = mean_interval(values)
    return {name: values.mean(), f"{name}_ci_low": low, f"{name}_ci_high": high}


def proportion(name: str, successes: Tensor) -> dict[str, float]:
    """Fraction of successes with its interval."""
    low, high = wilson_interval(int(successes.sum()), len(successes))
    return {name: float(successes.double().mean()), f"{name}_ci_low": low, f"{name}_ci_high": high}


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
