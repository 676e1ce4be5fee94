"""The resampling unit that a defence puts in front of a network (section 4.4, table 1)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.attacks.deepfool import Attack, deepfool
from friendlyfire.bases.basis import Basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.datasets.sources import sampled_sides
from friendlyfire.measures.images import measured_images
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.projections import columns
from friendlyfire.networks.network import Network, classes_of, predict
from friendlyfire.networks.resampled import Resampled, resampled
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import mean_interval, wilson_interval
from friendlyfire.records.progress import progress

MEASURES = {
    "resampling": {
        "make": "resampling",
        "per": None,
        "from": ["network", "dataset", "bases"],
        "with": {"options": "perturbations.deepfool"},
        "gives": {"transfer": "transfer.csv", "attacks": "attacks.csv", "images": "images.zarr.zip"},
        "store": "resampling",
        "gigabytes": [6, 6],
        "hours": 4,
        "description": "a unit in front of the network that downsamples and upsamples images",
        "options": {
            "images": {
                "default": 2000,
                "type": "integer",
                "minimum": 2,
                "description": "how many of the measured images are attacked and classified",
            },
            "sides": {
                "default": [1.0, 0.88, 0.66, 0.53, 0.44],
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {
                    "anyOf": [
                        {"type": "integer", "minimum": 1},
                        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                    ],
                },
                "description": (
                    "d_low, sides that images are downsampled to: in pixels, or fractions of their own side up to 1"
                ),
            },
            "factors": {
                "default": [1, 2, 3, 4, 5, 10],
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
                "description": "f, factors by which perturbations are lengthened",
            },
        },
    },
}

#: Norms are in the units of the paper's table 1.
UNITS_255 = 255


def resampling(
    network: Network,
    dataset: Dataset,
    bases: Sequence[Basis],
    *,
    images: int,
    sides: Sequence[float],
    factors: Sequence[float],
    options: dict[str, Any],
) -> Measured:
    """Measure accuracy, norms and fooling rates behind a unit that downsamples and upsamples, for each side.

    Args:
        network: in evaluation mode.
        dataset: its measured images are attacked.
        bases: for each side, the singular vectors of the resampled perturbations.
        images: number of measured images.
        sides: d_low, in pixels, or fractions of the images' side up to 1.
        factors: f, factors by which perturbations are lengthened.
        options: options of :func:`.deepfool`.

    Returns:
        Tables: ``transfer``, a row per side and factor, and ``attacks``, a row per side and attack.

    Raises:
        NetworkError: no image can be fooled.
    """
    part, pixels, mean = measured_images(network, dataset, images)
    labels = torch.from_numpy(part.labels()).to(pixels.device)
    attack = deepfool(network, pixels, **options)
    if not attack.converged.any():
        raise NetworkError(f"none of {len(pixels)} images could be fooled")
    transfer, attacks, kept = [], [], defaultdict(list)
    for side, basis in zip(progress(sampled_sides(sides, dataset.shape[1]), "sides"), bases, strict=True):
        unit = Resampled(network, mean, side).eval()
        clean = classes_of(predict(unit, pixels))
        row = {"role": "measured", "side": side, **proportion("accuracy", clean == labels)}
        row |= norms("image_norm", resampled(pixels - mean, side))
        row |= norms("perturbation_norm", resampled(attack.overshot, side)[attack.converged])
        row["perturbations"] = int(attack.converged.sum())
        kept["correct"].append((clean == labels).cpu().numpy())
        for factor in factors:
            moved = fooled(unit, pixels, factor * attack.overshot, clean)
            kept["fooled"].append(moved.cpu().numpy())
            transfer.append({**row, "factor": factor, **proportion("fooling", moved), "images": len(pixels)})
        vectors = columns(basis, pixels.device)
        others = {
            "free, without the unit": (dataset.pixels, attack),
            "confined, without the unit": (vectors.shape[1], deepfool(network, pixels, basis=vectors, **options)),
            "white box, through the unit": (dataset.pixels, deepfool(unit, pixels, **options)),
        }
        for name, (dimensions, one) in others.items():
            about = {"role": "measured", "side": side, "attack": name, "dimensions": dimensions}
            attacks.append({**about, **reached(unit, pixels, one, clean)})
        kept["at_median"] += at_median_norm(unit, pixels, *(one for _, one in [*others.values()][1:]), clean)
    arrays = {
        "sides": np.array(sampled_sides(sides, dataset.shape[1])),
        "factors": np.array(factors),
        "whole": (classes_of(predict(network, pixels)) == labels).cpu().numpy(),  # without a unit
        "correct": np.array(kept["correct"]),  # (sides, n)
        "fooled": np.array(kept["fooled"]).reshape(-1, len(factors), len(pixels)),
        "at_median": np.array(kept["at_median"]).reshape(-1, 2, len(pixels)),
    }
    units = "fooled, and at_median: of the confined attack and of the white box at the white box's median norm"
    return Measured({"transfer": pd.DataFrame(transfer), "attacks": pd.DataFrame(attacks)}, arrays, {"units": units})


def at_median_norm(
    unit: Resampled, images: Tensor, confined: Attack, white_box: Attack, clean: Tensor
) -> list[np.ndarray]:
    """Return which images (n,) two attacks fool behind the unit when they are scaled to the white box's median norm."""
    lengths = [attack.overshot.flatten(1).norm(dim=1) for attack in (confined, white_box)]
    median = lengths[1][white_box.converged].nanmedian().nan_to_num()
    found = []
    for attack, length in zip((confined, white_box), lengths, strict=True):
        scale = torch.where(length > 0, median / length, 0)[:, None, None, None]
        found.append(fooled(unit, images, scale * attack.overshot, clean).cpu().numpy())
    return found


def fooled(unit: Resampled, images: Tensor, perturbations: Tensor, clean: Tensor) -> Tensor:
    """Return whether each image (n,) changes its predicted class behind the unit, including images of failed attacks.

    Source: the paper's footnote 7, samples of the data set that change their label.
    """
    return classes_of(predict(unit, images + perturbations.nan_to_num())) != clean


def reached(unit: Resampled, images: Tensor, attack: Attack, clean: Tensor) -> dict[str, float]:
    """Return the effect of an attack behind the unit: mean norm of successes, success rate and fooling rate."""
    return {
        **norms("norm", attack.overshot[attack.converged]),
        "perturbations": int(attack.converged.sum()),
        **proportion("success", attack.converged),
        **proportion("fooling", fooled(unit, images, attack.overshot, clean)),
        "images": len(images),
    }


def norms(name: str, vectors: Tensor) -> dict[str, float]:
    """Return the mean norm with its interval, in units of 0 to 255."""
    values = UNITS_255 * vectors.flatten(1).double().norm(dim=1).cpu().numpy()
    if len(values) < 2:
        return dict.fromkeys((name, f"{name}_ci_low", f"{name}_ci_high"), np.nan)
    low, high = mean_interval(values)
    return {name: values.mean(), f"{name}_ci_low": low, f"{name}_ci_high": high}


def proportion(name: str, successes: Tensor) -> dict[str, float]:
    """Return the fraction of successes with its interval."""
    low, high = wilson_interval(int(successes.sum()), len(successes))
    return {name: float(successes.double().mean()), f"{name}_ci_low": low, f"{name}_ci_high": high}
