"""Universal adversarial perturbations: one perturbation that fools a network on most images."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.statuses import Status
from friendlyfire.checks import check_images
from friendlyfire.datasets.images import Dataset
from friendlyfire.networks.network import as_pixels, classes_of, mean_pixels, predict
from friendlyfire.records.progress import Progress

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
    limits = {"radius": radius, "norm": norm, "rate": rate, "max_passes": max_passes}
    return universal_in_step(network, [images], held_out, generators=[generator], **limits, **options)[0]


def universal_in_step(
    network: Callable[[Tensor], Tensor],
    samples: Sequence[Tensor],
    held_out: Tensor,
    *,
    radius: float,
    norm: str = "l2",
    rate: float = 0.8,
    max_passes: int = 5,
    generators: Sequence[torch.Generator],
    **options: Any,
) -> list[Universal]:
    """Compute one universal perturbation per sample of images, all at once: :func:`universal` of each, to rounding.

    The perturbations do not depend on each other, so one DeepFool attacks one image of each. Images that a perturbation
    fools already do not change it, so the next images are classified in blocks, up to the first that it does not fool.

    Args:
        network: see :func:`universal`, as for the other arguments.
        samples: the images of each perturbation.
        generators: the random generator of each perturbation.

    Raises:
        ValueError: see :func:`universal`.
    """
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm={norm!r}: choose l2 or linf")
    for images in samples:
        check_images(images)
    check_images(held_out, "held_out")
    clean_held_out = classes_of(predict(network, held_out))
    tours = [_Tour(network, *own) for own in zip(samples, generators, strict=True)]
    told, left = Progress("universal perturbations", len(tours)), tours
    while left:
        _skip_fooled(network, left)
        attacked = [tour for tour in left if not tour.passed]
        if attacked:
            attack = deepfool(network, torch.cat([tour.perturbed(1) for tour in attacked]), **options)
            for tour, converged, perturbation in zip(attacked, attack.converged.tolist(), attack.overshot, strict=True):
                if converged:
                    tour.v = project_onto_ball(tour.v + perturbation, radius, norm)
                tour.position += 1
        for tour in left:
            if tour.passed:
                tour.rates.append(_fooling_rate(network, held_out, clean_held_out, tour.v))
                tour.done = len(tour.rates) == max_passes or (
                    _fooling_rate(network, tour.images, tour.clean, tour.v) >= rate
                )
                if not tour.done:
                    tour.start_pass()
        left = [tour for tour in tours if not tour.done]
        told.reach(sum(tour.fraction(max_passes) for tour in tours))
    return [Universal(tour.v, tour.rates) for tour in tours]


class _Tour:
    """A perturbation on its passes over its images, each in a new order."""

    def __init__(self, network: Callable[[Tensor], Tensor], images: Tensor, generator: torch.Generator):
        self.images, self.generator = images, generator
        self.clean = classes_of(predict(network, images))
        self.v, self.rates, self.done = torch.zeros_like(images[0]), [], False
        self.start_pass()

    def start_pass(self) -> None:
        """Go to the first image of a new order."""
        order = torch.randperm(len(self.images), generator=self.generator)
        self.order, self.position, self.ahead = order.to(self.images.device), 0, 1

    @property
    def passed(self) -> bool:
        """Whether all images of this pass are behind."""
        return self.position == len(self.order)

    def following(self, count: int) -> Tensor:
        """Return the indices of the next images, at most ``count``."""
        return self.order[self.position : self.position + count]

    def perturbed(self, count: int) -> Tensor:
        """Return the next images, at most ``count``, perturbed."""
        return self.images[self.following(count)] + self.v

    def fraction(self, max_passes: int) -> float:
        """Return the fraction of the passes that is done."""
        return 1.0 if self.done else (len(self.rates) + self.position / len(self.order)) / max_passes


def _skip_fooled(network: Callable[[Tensor], Tensor], tours: list[_Tour]) -> None:
    """Move each perturbation to the next image that it does not fool, or to the end of its pass.

    A block of images is twice as long as the one before it if that was fooled whole.
    """
    while tours:
        logits = predict(network, torch.cat([tour.perturbed(tour.ahead) for tour in tours]))
        blocks = [tour.clean[tour.following(tour.ahead)] for tour in tours]
        resistant = (logits.argmax(1) == torch.cat(blocks)).split([len(block) for block in blocks])
        seeking = []
        for tour, each in zip(tours, (part.tolist() for part in resistant), strict=True):
            found = True in each
            tour.position += each.index(True) if found else len(each)
            tour.ahead = 1 if found else 2 * tour.ahead
            if not found and not tour.passed:
                seeking.append(tour)
        tours = seeking


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
    radius = section["radius"] * unit
    samples = [images[torch.arange(k, len(part), count, device=device)] for k in range(count)]
    generators = [torch.Generator().manual_seed(seed(k)) for k in range(count)]
    limits = {"radius": radius, **{key: section[key] for key in ("norm", "rate", "max_passes")}}
    found = universal_in_step(network, samples, held_out, generators=generators, **limits, **options)
    stacked = np.stack([one.perturbation.flatten().cpu().numpy() for one in found])
    rates = np.full((count, section["max_passes"]), np.nan)
    for row, one in zip(rates, found, strict=True):
        row[: len(one.rates)] = one.rates
        logging.info("held-out fooling rate after each pass: %s", one.rates)
    arrays = {
        "perturbations": stacked,
        "norms": np.linalg.norm(stacked.astype(np.float64), axis=1),
        "rates": rates,
        "indices": part.indices(),
        "statuses": np.full(count, int(Status.NOT_JUDGED)),
    }
    return arrays, {"radius": radius, "held_out": len(held_out)}
