"""The energy of attacks by radial frequency.

Source: D. Yin, R. Gontijo Lopes, J. Shlens, E. D. Cubuk, J. Gilmer, "A Fourier perspective on model robustness in
computer vision", NeurIPS 2019.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.fractions import ELEMENTS, usable_rows
from friendlyfire.measures.measured import Measured
from friendlyfire.records.intervals import mean_interval, median_interval
from friendlyfire.records.stores import Store

MEASURES = {
    "energies": {
        "make": "energies",
        "per": None,
        "from": ["dataset", "perturbations"],
        "with": {},
        "gives": {"energies": "energies.csv", "images": "energies.zarr.zip"},
        "store": "energies",
        "gigabytes": [4, 0],
        "hours": 1,
        "description": "energy of the attacks in fractions.attacks, by radial frequency",
        "options": {
            "images": {
                "default": 500,
                "type": "integer",
                "minimum": 2,
                "description": "how many of the measured images are compared with the attacks",
            },
        },
    },
}

#: Stands for the images, without their mean, in the column of attacks.
IMAGES = "images"


def energies(dataset: Dataset, perturbations: Sequence[Store], *, images: int) -> Measured:
    """Measure the energy of each attack, and of the mean-subtracted images, by radial frequency.

    Args:
        dataset: its measured images are compared with the attacks.
        perturbations: one store per attack; perturbations of held-out images are measured.
        images: number of measured images.

    Returns:
        A table with a row per attack and radial frequency, and the energies of each perturbation.
    """
    part, tables, arrays = dataset.part("measured", images), [], {}

    def pictures(rows: np.ndarray) -> np.ndarray:
        return part.images()[rows] / 255 - dataset.mean

    found = {IMAGES: ("measured", np.arange(len(part)), pictures)}
    for store in perturbations:
        role = "held-out" if "held_out" in store else "directions"

        def attacks(rows: np.ndarray, store: Store = store) -> np.ndarray:
            return store.rows("perturbations", rows).reshape(-1, *dataset.shape)

        found[store.record["attack"]] = role, usable_rows(store), attacks
    for attack, (role, rows, read) in found.items():
        parts = np.array_split(rows, -(-len(rows) * dataset.pixels // ELEMENTS))
        spectra, half = map(np.concatenate, zip(*(radial_energies(read(chosen)) for chosen in parts), strict=True))
        low, high = mean_interval(spectra, bounds=(0, 1))
        half_low, half_high = median_interval(half)
        columns = {"radius": np.arange(spectra.shape[1]), "energy": spectra.mean(0), "ci_low": low, "ci_high": high}
        middle = {"half_power": np.median(half), "half_power_ci_low": half_low, "half_power_ci_high": half_high}
        tables.append(pd.DataFrame({"attack": attack, "role": role, **columns, **middle, "images": len(rows)}))
        arrays[f"{attack.replace(':', '-')}/energies"] = spectra.astype(np.float32)
        arrays[f"{attack.replace(':', '-')}/half_power"] = half
    units = "energies (n, radii): fractions of the squared norm; half_power (n,): cycles per image"
    return Measured({"energies": pd.concat(tables)}, arrays, {"attacks": list(found), "units": units})


def radial_energies(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fraction of the squared norm of each image by radial frequency, and its half-power frequency.

    The radial frequency of a Fourier coefficient (u, v) is its distance from 0, in cycles per image. The transform is
    orthonormal, so the energies of all coefficients sum to the squared norm (Parseval).

    Args:
        images: (n, channels, height, width), none of them zero.

    Returns:
        ``energies`` (n, radii) of the radii that round to 0, 1, 2, ..., rows sum to 1; and ``half`` (n,), the least
        radius within which at least half of the energy lies.

    Raises:
        ValueError: an image is zero.
    """
    coefficients = np.fft.fft2(np.asarray(images, dtype=np.float64), norm="ortho")
    squares = np.square(np.abs(coefficients)).sum(1).reshape(len(images), -1)
    if not (total := squares.sum(1, keepdims=True)).all():
        raise ValueError(f"{int((total == 0).sum())} of {len(images)} images are zero and have no frequency")
    rows, columns = (np.fft.fftfreq(side, 1 / side) for side in images.shape[-2:])
    radii = np.hypot(rows[:, None], columns[None]).reshape(-1)
    order = radii.argsort(kind="stable")
    inside = np.cumsum(squares[:, order], axis=1) / total
    # The sum of exactly half of the energy may be rounded down.
    half = radii[order][(inside >= 0.5 - 1e-12).argmax(1)]
    rings = np.eye(int(radii.round().max()) + 1)[radii.round().astype(int)]
    return squares @ rings / total, half
