"""DeepFool in the form in which other libraries call an attack: adv-lib, AttackBench, Foolbox."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from friendlyfire.attacks.deepfool import deepfool

if TYPE_CHECKING:
    from foolbox.attacks.base import MinimizationAttack


def deepfool_images(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,
    targets: Tensor | None = None,
    targeted: bool = False,
    *,
    threat_model: str = "l2",
    bounds: tuple[float, float] | None = (0.0, 1.0),
    **options: Any,
) -> Tensor:
    """Attack images by DeepFool, in the form of adv-lib and AttackBench.

    Sources: J. Rony, I. Ben Ayed, adv-lib, 2020; A. E. Cinà et al., "AttackBench", AAAI 2025.

    Args:
        model: images (n, channels, height, width), pixels in [0, 1], to logits; in evaluation mode.
        inputs: the clean images.
        labels: (n,) classes to leave; or to reach, if ``targeted`` and no targets are given, as in adv-lib.
        targets: (n,) classes to reach, if ``targeted``.
        targeted: whether to reach classes.
        threat_model: norm to minimise; AttackBench names it.
        bounds: smallest and largest pixel value of the attacked images; None for any.
        options: options of :func:`.deepfool`, such as ``refine``, ``basis`` or ``overshoot``.

    Returns:
        The attacked images. An image whose attack fails, or is not needed, is returned as it is.

    Raises:
        ValueError: another norm than l2, or as :func:`.deepfool`.
    """
    if threat_model != "l2":
        raise ValueError(f"threat_model={threat_model!r}: DeepFool minimises l2 only")
    reached = labels if targets is None else targets
    attack = deepfool(model, inputs, reached if targeted else None, bounds=bounds, **options)
    attacked = inputs + attack.overshot
    attacked = attacked if bounds is None else attacked.clamp(*bounds)
    # The attack leaves the predicted class; an image that is classified wrongly needs none.
    needed = attack.converged if targeted else attack.converged & (attack.sources == labels.to(inputs.device))
    return torch.where(needed[:, None, None, None], attacked, inputs)


def foolbox_deepfool(**options: Any) -> "MinimizationAttack":
    """Return DeepFool as an attack of Foolbox, for its criteria Misclassification and TargetedMisclassification.

    The attacked images stay inside the bounds of Foolbox's model, which must suit pixels in [0, 1].

    Args:
        options: options of :func:`.deepfool`, such as ``refine``, ``basis`` or ``overshoot``.

    Raises:
        ImportError: Foolbox is not installed. The attack raises a ValueError for other criteria.
    """
    from foolbox import criteria, distances
    from foolbox.attacks import base

    class DeepFool(base.MinimizationAttack):
        distance = distances.l2

        def run(self, model, inputs, criterion, *, early_stop=None, **kwargs):
            base.raise_if_kwargs(kwargs)
            images, restore = base.ep.astensor_(inputs)
            match base.get_criterion(criterion):
                case criteria.Misclassification() as found:
                    classes, targeted = found.labels, False
                case criteria.TargetedMisclassification() as found:
                    classes, targeted = found.target_classes, True
                case other:
                    raise ValueError(f"{other}: choose Misclassification or TargetedMisclassification")
            attacked = deepfool_images(
                model, images.raw, classes.raw, targeted=targeted, bounds=tuple(model.bounds), **options
            )
            return restore(base.ep.astensor(attacked))

    return DeepFool()
