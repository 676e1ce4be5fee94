"""Outcomes of attacks, in a module of their own that does not import PyTorch."""

from enum import IntEnum

import numpy as np


class Status(IntEnum):
    """Outcome of the attack on one image."""

    CONVERGED = 0  #: the perturbed image is classified differently (untargeted) or as the target (targeted)
    ALREADY_THERE = 1  #: the clean image is already classified as its target
    NOT_CONVERGED = 2  #: the iterations ran out; the last perturbation is returned
    ZERO_GRADIENT = 3  #: no class could be approached: every (projected) gradient was zero
    NON_FINITE = 4  #: a logit or a gradient was not finite
    NOT_JUDGED = 5  #: a direction without a length, or one for many images: fooling a single image is no criterion


def with_direction(attack: str) -> tuple[Status, ...]:
    """Return the statuses of perturbations with a meaningful direction: for DeepFool, only successes."""
    if attack == "deepfool":
        return (Status.CONVERGED,)
    return (Status.CONVERGED, Status.NOT_CONVERGED, Status.NOT_JUDGED)


def count_statuses(statuses: np.ndarray) -> dict[str, int]:
    """Count the attacks by the name of their status."""
    return {status.name.lower(): int((statuses == status).sum()) for status in Status}
