"""Attacks of every form -> attacks with a status per image."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from friendlyfire.attacks.deepfool import Attack
from friendlyfire.attacks.statuses import Status
from friendlyfire.devices import images_at_once, seeded
from friendlyfire.networks.network import predict
from friendlyfire.records.errors import AttackError, FriendlyFireError, in_a_line


def with_statuses(function: Callable[..., Any], gives: str, name: str) -> Callable[..., Attack]:
    """Wrap an attack of any form as a function of network, images, ``seed`` and options to an :class:`Attack`.

    Args:
        function: the attack.
        gives: "attack" (an :class:`Attack`), "directions" (without a length), "perturbations", or "inputs" (attacked
            images, from network, images and the predicted classes).
        name: name of the attack in messages.
    """
    match gives:
        case "inputs":
            return judged(perturbations_of(function, name))
        case "perturbations" if "seed" in inspect.signature(function).parameters:
            return judged(function)
        case "perturbations":
            return judged(_unseeded(function))
        case "directions":
            return judged(_unseeded(function), has_length=False)
        case "attack":
            return _unseeded(function)
    raise ValueError(f"gives={gives!r}: choose inputs, perturbations, directions or attack")


def _unseeded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function with an unused seed, because it draws no random numbers."""
    return lambda network, images, *, seed, **options: function(network, images, **options)


def judged(direction: Callable[..., Tensor], has_length: bool = True) -> Callable[..., Attack]:
    """Wrap an attack that returns only perturbations, and judge it by whether the predicted class changes.

    Directions without a meaningful length are not judged.
    """

    def attack(network: Callable[[Tensor], Tensor], images: Tensor, **options: Any) -> Attack:
        perturbations = direction(network, images, **options)
        sources = predict(network, images).argmax(1)
        if has_length:
            reached = predict(network, images + perturbations).argmax(1)
            statuses = torch.where(sources != reached, Status.CONVERGED, Status.NOT_CONVERGED)
        else:
            reached, statuses = sources, torch.full_like(sources, Status.NOT_JUDGED)
        statuses[perturbations.flatten(1).norm(dim=1) == 0] = Status.ZERO_GRADIENT
        statuses[~perturbations.flatten(1).isfinite().all(1)] = Status.NON_FINITE
        return Attack(perturbations, sources, reached, statuses, torch.ones_like(sources), 0.0)

    return attack


def perturbations_of(attack: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """Wrap an attack of the usual form, ``attack(model, inputs, labels, **options) -> inputs``.

    Args:
        attack: returns the attacked images, of the shape of ``inputs``; ``labels`` are the predicted classes.
        name: name of the attack in messages.

    Returns:
        A function of network, images, ``seed`` and the attack's options that returns perturbations, batch by batch.
    """

    def perturbations(network: nn.Module, images: Tensor, *, seed: int, **options: Any) -> Tensor:
        found = []
        with seeded(seed, images.device):
            for batch in images.split(images_at_once(network, images)):
                labels = predict(network, batch).argmax(1)
                try:
                    attacked = attack(network, batch.clone(), labels, **options)
                except FriendlyFireError:
                    raise
                except Exception as error:
                    raise AttackError(f"{name} fails: {in_a_line(error)}") from error
                if not isinstance(attacked, Tensor) or attacked.shape != batch.shape:
                    given = tuple(attacked.shape) if isinstance(attacked, Tensor) else type(attacked).__name__
                    raise AttackError(f"{name} returns {given}; it must return attacked images, {tuple(batch.shape)}")
                found.append(attacked.detach().to(batch) - batch)
        return torch.cat(found)

    return perturbations
