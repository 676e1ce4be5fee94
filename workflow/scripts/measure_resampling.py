"""A network and images -> accuracy, norms and fooling rates behind the unit that samples down and up."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.bases import singular_directions
from friendlyfire.datasets import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.errors import NetworkError
from friendlyfire.intervals import mean_interval, wilson_interval
from friendlyfire.networks import as_pixels, load_network, predict
from friendlyfire.perturbations import deepfool
from friendlyfire.resampling import Resampled, resampled
from friendlyfire.stores import open_store
from job import progress, run
from tables import write_table

#: Norms are in the units of the paper's table 1.
UNITS_255 = 255


def main(inputs, outputs, settings):
    section, device = settings["resampling"], resolve_device(settings["device"])
    options = settings["perturbations"]["deepfool"]
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        n = dataset.count("test", section["images"])
        images = as_pixels(dataset.images("test", 0, n), device)
        labels = torch.from_numpy(dataset.labels("test", 0, n)).to(device)
        mean = torch.from_numpy(dataset.mean).float().to(device)
    attack = deepfool(network, images, **options)
    half = int(attack.converged[: n // 2].sum())
    if half < 1:
        raise NetworkError(
            f"none of {n // 2} images of {settings['experiment']} could be fooled; raise resampling.images"
        )
    transfers, attacks = [], []
    for side in progress(sides_of(section["sides"], dataset.shape[1]), "sides"):
        unit = Resampled(network, mean, side).eval()
        clean = predict(unit, images).argmax(1)
        row = {"side": side, **proportion("accuracy", clean == labels)}
        row |= norms("image_norm", resampled(images - mean, side)) | norms(
            "perturbation_norm", resampled(attack.overshot, side)[attack.converged]
        )
        fooled = attack.converged
        for factor in section["factors"]:
            moved = predict(unit, images[fooled] + factor * attack.overshot[fooled]).argmax(1) != clean[fooled]
            transfers.append({**row, "factor": factor, **proportion("fooling", moved), "images": n})
        attacks += [
            {"side": side, "attack": name, **row}
            for name, row in compared(network, unit, images, attack, side, options).items()
        ]
    for rows, path in ((transfers, outputs.transfer), (attacks, outputs.attacks)):
        table = pd.DataFrame(rows)
        table.insert(0, "experiment", settings["experiment"])
        write_table(path, table, settings)


def compared(network, unit, images: Tensor, attack, side: int, options: dict) -> dict[str, dict]:
    """Three attacks on the network behind the unit: what the free one leaves, the confined one, and the white box.

    Section 4.4: DeepFool on the network without the unit, confined to the singular vectors of the perturbations that
    the unit has passed, is as good as a white-box DeepFool through the unit. The singular vectors are of the first
    half of the images, the attacks are on the second: an image's own perturbation would be a direction.
    """
    half = len(images) // 2
    low = resampled(attack.overshot[:half], side)[attack.converged[:half]].flatten(1).cpu().numpy()
    low /= np.linalg.norm(low, axis=1, keepdims=True)
    vectors, _ = singular_directions(lambda part: low[part], *low.shape)
    basis = torch.from_numpy(vectors.astype(np.float32)).to(images.device)
    images = images[half:]
    found = {
        "free, without the unit": attack[half:],
        "confined, without the unit": deepfool(network, images, basis=basis, **options),
        "white box, through the unit": deepfool(unit, images, **options),
    }
    clean = predict(unit, images).argmax(1)
    return {
        name: {
            "dimensions": images[0].numel() if "confined" not in name else basis.shape[1],
            **norms("norm", one.overshot[one.converged]),
            **proportion("success", one.converged),
            **proportion("fooling", predict(unit, images + one.overshot).argmax(1) != clean),
            "images": len(images),
        }
        for name, one in found.items()
    }


def sides_of(sides: list[float], size: int) -> list[int]:
    """The sides d_low in pixels, descending; numbers up to 1 are fractions of the images' size."""
    return sorted({round(side * size) if side <= 1 else int(side) for side in sides}, reverse=True)


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
