"""DeepFool in the form in which other libraries call an attack: adv-lib, AttackBench, Foolbox."""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.checks import check_targets

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
    **options: Any,
) -> Tensor:
    """Attack images by DeepFool, in the form of adv-lib and AttackBench.

    Sources: J. Rony, I. Ben Ayed, adv-lib, 2020; A. E. Cinà et al., "AttackBench", AAAI 2025.

    Args:
        model: images (n, channels, height, width), pixels in [0, 1], to logits; in evaluation mode.
        inputs: the clean images.
        labels: (n,) classes to leave; or to reach, if ``targeted`` and no targets are given, as in adv-lib.
        targets: (n,) classes to reach, if ``targeted``; unused otherwise, since AttackBench always gives them.
        targeted: whether to reach classes.
        threat_model: norm to minimise; AttackBench names it.
        options: options of :func:`.deepfool`, such as ``refine``, ``overshoot``, ``basis`` or ``bounds``. Without a
            basis the bounds are (0, 1). With one they must be given, since clipped images leave its span.

    Returns:
        The attacked images. An image whose attack fails, or is not needed, is returned as it is.

    Raises:
        ValueError: another norm than l2, a basis without bounds, or as :func:`.deepfool`.
    """
    if threat_model != "l2":
        raise ValueError(f"threat_model={threat_model!r}: DeepFool minimises l2 only")
    check_targets(labels, len(inputs), name="labels")
    _check_options(options)
    options = {"bounds": (0.0, 1.0), **options}
    reached = labels if targets is None else targets
    attack = deepfool(model, inputs, reached if targeted else None, **options)
    attacked = inputs + attack.overshot
    attacked = attacked if options["bounds"] is None else attacked.clamp(*options["bounds"])
    # The attack leaves the predicted class; an image that is classified wrongly needs none.
    needed = attack.converged if targeted else attack.converged & (attack.sources == labels.to(inputs.device))
    return torch.where(needed[:, None, None, None], attacked, inputs)


def foolbox_deepfool(**options: Any) -> "MinimizationAttack":
    """Return DeepFool as an attack of Foolbox, for its criteria Misclassification and TargetedMisclassification.

    Args:
        options: options of :func:`.deepfool`, such as ``refine``, ``overshoot``, ``basis`` or ``bounds``. Without a
            basis the bounds are those of Foolbox's model, which must suit pixels in [0, 1]. With one they must be
            given, since clipped images leave its span.

    Raises:
        ImportError: Foolbox is not installed.
        TypeError: DeepFool has no such option.
        ValueError: a basis without bounds. The attack raises one for other criteria.
    """
    _check_options(options)
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
                    raise ValueError(f"{type(other).__name__}: choose Misclassification or TargetedMisclassification")
            within = {"bounds": tuple(model.bounds), **options}
            attacked = deepfool_images(model, images.raw, classes.raw, targeted=targeted, **within)
            return restore(base.ep.astensor(attacked))

    return DeepFool()


def _check_options(options: Mapping[str, Any]) -> None:
    """Raise unless these are options of DeepFool that give one attacked image for each image."""
    inspect.signature(deepfool).bind(None, None, **options)
    if options.get("blocks") is not None:
        raise ValueError("blocks give several attacked images for each; call deepfool itself")
    if options.get("basis") is not None and "bounds" not in options:
        raise ValueError(
            "a basis needs bounds too, since clipped images leave its span: bounds=None to stay in the span, or "
            "bounds=(0, 1) to stay in the range of pixels"
        )
