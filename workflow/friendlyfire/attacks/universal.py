"""Universal adversarial perturbations: one perturbation that fools a network on most images."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from friendlyfire.attacks.checks import check_images
from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.statuses import Status
from friendlyfire.datasets.images import Dataset
from friendlyfire.networks.network import as_pixels, classes_of, mean_pixels, predict
from friendlyfire.records.progress import progress

ATTACKS = {
    "uap": {
        "make": "universal",
        "gives": "universal",
        "label": "UAP",
        "options": {
            "count": {
                "default": 5,
                "type": "integer",
                "minimum": 2,
                "description": "number of universal perturbations, each from its own images",
            },
            "images": {
                "default": 500,
                "type": "integer",
                "minimum": 1,
                "description": "number of images per universal perturbation",
            },
            "norm": {
                "default": "l2",
                "enum": ["l2", "linf"],
                "description": "norm of the ball that contains the perturbation",
            },
            "radius": {
                "default": 0.1,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "radius of that ball: for l2, a fraction of the mean norm of the mean-subtracted "
                "images; for linf, in pixels in [0, 1]",
            },
            "rate": {
                "default": 0.8,
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": "fooling rate on its images at which the passes end",
            },
            "max_passes": {
                "default": 5,
                "type": "integer",
                "minimum": 1,
                "description": "largest number of passes over its images",
            },
        },
        "description": "universal adversarial perturbations",
    },
}


@dataclass
class Universal:
    """One perturbation, and its fooling rates during its construction."""

    perturbation: Tensor  #: (channels, height, width), pixels in [0, 1], in its ball
    rates: list[float]  #: fooling rate on the held-out images after each pass


def universal(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    held_out: Tensor,
    *,
    radius: float,
    norm: str = "l2",
    rate: float = 0.8,
    max_passes: int = 5,
    generator: torch.Generator,
    **options: Any,
) -> Universal:
    """Compute a universal perturbation: DeepFool perturbations added up over the images and kept in a ball.

    Source: S.-M. Moosavi-Dezfooli, A. Fawzi, O. Fawzi, P. Frossard, "Universal adversarial perturbations", CVPR 2017,
    algorithm 1. Images are attacked one by one, because perturbations that are found together no longer lead to a
    boundary once the first of them is added. If they are as large as the ball (for small images), each of them turns
    the whole perturbation, and later passes gain little; a larger ball helps.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits.
        images: images that the perturbation is made from.
        held_out: other images, on which it is evaluated after each pass.
        radius: radius of the ball, in pixels in [0, 1].
        norm: "l2" or "linf".
        rate: fooling rate on ``images`` at which the passes end.
        max_passes: largest number of passes.
        generator: random generator of the order of the images, on the CPU.
        options: options of :func:`deepfool`.

    Raises:
        ValueError: the norm is neither of the two, or DeepFool rejects the images or its options.
    """
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm={norm!r}: choose l2 or linf")
    check_images(images)
    check_images(held_out, "held_out")
    clean, clean_held_out = (classes_of(predict(network, part)) for part in (images, held_out))
    v, rates = torch.zeros_like(images[0]), []
    for _ in range(max_passes):
        for i in torch.randperm(len(images), generator=generator).tolist():
            perturbed = (images[i] + v)[None]
            if predict(network, perturbed).argmax() == clean[i]:
                attack = deepfool(network, perturbed, **options)
                if attack.converged:
                    v = project_onto_ball(v + attack.overshot[0], radius, norm)
        rates.append(_fooling_rate(network, held_out, clean_held_out, v))
        if _fooling_rate(network, images, clean, v) >= rate:
            break
    return Universal(v, rates)


def project_onto_ball(perturbation: Tensor, radius: float, norm: str) -> Tensor:
    """Return the nearest point of the ball of ``radius`` about zero, in the l2 or the l-infinity norm."""
    if norm == "linf":
        return perturbation.clamp(-radius, radius)
    return perturbation * min(1.0, radius / max(float(perturbation.norm()), 1e-12))


def _fooling_rate(network: Callable[[Tensor], Tensor], images: Tensor, clean: Tensor, v: Tensor) -> float:
    return float((classes_of(predict(network, images + v)) != clean).double().mean())


def universal_perturbations(
    network: nn.Module,
    dataset: Dataset,
    section: Mapping[str, Any],
    seed: Callable[[int], int],
    options: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Make several universal perturbations, each from its own images of the role "directions".

    Args:
        network: in evaluation mode.
        dataset: fooling rates are measured on its held-out images.
        section: the options of the attack, see :data:`ATTACKS`.
        seed: a function that returns the seed of each perturbation.
        options: options of :func:`.deepfool`.

    Returns:
        Arrays: ``perturbations`` (count, d), ``norms`` (count,), ``rates`` (count, passes), ``indices`` of the images,
        ``statuses``. Also a record: the radius in pixels, and the number of held-out images.
    """
    device, count = network.mean.device, section["count"]
    part = dataset.part("directions", count * section["images"])
    images, held_out = as_pixels(part.images(), device), as_pixels(dataset.part("held-out").images(), device)
    mean = mean_pixels(dataset, device)
    # A fraction of the mean distance of the images from their mean is comparable across data sets.
    unit = float((images - mean).flatten(1).norm(dim=1).mean()) if section["norm"] == "l2" else 1.0
    radius, found = section["radius"] * unit, []
    limits = {"radius": radius, **{key: section[key] for key in ("norm", "rate", "max_passes")}}
    for k in progress(range(count), "universal perturbations"):
        mine = torch.arange(k, len(part), count, device=device)
        generator = torch.Generator().manual_seed(seed(k))
        found.append(universal(network, images[mine], held_out, generator=generator, **limits, **options))
        logging.info("held-out fooling rate after each pass: %s", found[-1].rates)
    stacked = np.stack([one.perturbation.flatten().cpu().numpy() for one in found])
    rates = np.full((count, section["max_passes"]), np.nan)
    for row, one in zip(rates, found, strict=True):
        row[: len(one.rates)] = one.rates
    arrays = {
        "perturbations": stacked,
        "norms": np.linalg.norm(stacked.astype(np.float64), axis=1),
        "rates": rates,
        "indices": part.indices(),
        "statuses": np.full(count, int(Status.NOT_JUDGED)),
    }
    return arrays, {"radius": radius, "held_out": len(held_out)}
