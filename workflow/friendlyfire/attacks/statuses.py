"""How attacks end; apart, for those who read perturbations without PyTorch."""

from enum import IntEnum

import numpy as np


class Status(IntEnum):
    """How the attack on one image ended."""

    CONVERGED = 0  #: the perturbed image is classified otherwise (untargeted) or as the target
    ALREADY_THERE = 1  #: the image is classified as its target without any perturbation
    NOT_CONVERGED = 2  #: the iterations ran out; the last perturbation is returned
    ZERO_GRADIENT = 3  #: no class could be approached: every (projected) gradient was zero
    NON_FINITE = 4  #: a logit or a gradient was not finite
    NOT_JUDGED = 5  #: a direction without a length of its own, or of many images: whether it fools one means nothing


def with_direction(attack: str) -> tuple[Status, ...]:
    """Statuses of perturbations whose direction means something: for DeepFool, which seeks a boundary, successes."""
    if attack == "deepfool":
        return (Status.CONVERGED,)
    return (Status.CONVERGED, Status.NOT_CONVERGED, Status.NOT_JUDGED)


def count_statuses(statuses: np.ndarray) -> dict[str, int]:
    """How many attacks ended in each way, by name."""
    return {status.name.lower(): int((statuses == status).sum()) for status in Status}
