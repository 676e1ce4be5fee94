"""Boundary points of a class, found by targeted DeepFool (section 3, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.curvature.hessians import margins
from friendlyfire.networks.network import predict
from friendlyfire.records.sharing import DIFFERENTIATED_TOGETHER


@dataclass
class BoundaryPoints:
    """End points of n images on their way into a target class; m of them reached it."""

    statuses: Tensor  #: (n,) :class:`friendlyfire.attacks.statuses.Status` of the targeted attacks
    positions: Tensor  #: (m,) indices of the images that reached the class, ascending
    points: Tensor  #: (m, channels, height, width), pixels in [0, 1]
    sources: Tensor  #: (m,) predicted classes of the clean images
    rivals: Tensor  #: (m,) the class with the highest score at the point, other than the target
    margins: Tensor  #: (m,) F_target - F_source at the point, logits
    rival_margins: Tensor  #: (m,) F_target - F_rival at the point
    clean_margins: Tensor  #: (m,) F_target - F_source at the clean image


def find_boundary(
    network: Callable[[Tensor], Tensor], images: Tensor, target: int, *, step_back: float = 1.0, **options: Any
) -> BoundaryPoints:
    """Move images to the boundary of the class ``target`` by DeepFool.

    Algorithm 1 uses the Hessian of F_target - F_source; the source is the predicted class of the clean image. On the
    way into the target the image may pass through a third class, the rival. The point then lies on the boundary with
    the rival, and not at F_target = F_source.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits (n, classes).
        images: the clean images.
        target: the target class.
        step_back: fraction of DeepFool's perturbation, without its overshoot, at which the point is taken.
        options: options of :func:`friendlyfire.attacks.deepfool.deepfool`.

    Cost:
        That of a targeted DeepFool, and two forward passes per image.
    """
    targets = torch.full((len(images),), target, device=images.device)
    attack = deepfool(network, images, targets, **options)
    positions = attack.converged.nonzero().squeeze(1)
    points = images[positions] + step_back * attack.perturbations[positions]
    sources = attack.sources[positions]
    clean, there = (predict(network, part) for part in (images[positions], points))
    others = there.clone()
    others[:, target] = -torch.inf
    rivals = others.argmax(1)
    return BoundaryPoints(
        statuses=attack.statuses,
        positions=positions,
        points=points,
        sources=sources,
        rivals=rivals,
        margins=margins(there, target, sources),
        rival_margins=margins(there, target, rivals),
        clean_margins=margins(clean, target, sources),
    )


def boundary_points(
    network: Callable[[Tensor], Tensor], images: Tensor, target: int, *, step_back: float = 1.0, **options: Any
) -> BoundaryPoints:
    """Move many images to the boundary of the class ``target``, block by block; see :func:`find_boundary`."""
    found = []
    for start in range(0, len(images), DIFFERENTIATED_TOGETHER):
        block = images[start : start + DIFFERENTIATED_TOGETHER]
        found.append(find_boundary(network, block, target, step_back=step_back, **options))
        found[-1].positions += start
    return BoundaryPoints(*(torch.cat([getattr(block, field.name) for block in found]) for field in fields(found[0])))
