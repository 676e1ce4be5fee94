"""Any attack of Foolbox by its name. Foolbox is an optional package, imported on use."""

from typing import Any

import torch
from torch import Tensor, nn

from friendlyfire.checks import check_images, check_mode
from friendlyfire.devices import full_float32, images_at_once, seeded
from friendlyfire.networks.network import predict
from friendlyfire.records.errors import ConfigError

ATTACKS = {
    "foolbox": {
        "make": "foolbox_perturbations",
        "gives": "perturbations",
        "label": "Foolbox",
        "named": "options of one attack, such as L2PGD: {epsilon: 0.5, steps: 20}",
        "description": "options of Foolbox's attacks by name: epsilon (null for the smallest), and the arguments of "
        "their constructors",
    },
}


@full_float32()
def foolbox_perturbations(
    network: nn.Module,
    images: Tensor,
    name: str,
    *,
    seed: int,
    epsilon: float | None = None,
    batch_size: int | None = None,
    **options: Any,
) -> Tensor:
    """Compute perturbations by an attack of Foolbox, untargeted, away from the predicted classes.

    Foolbox's cross-entropies are in float32, whose gradients are rounding where a network is sure.

    Source: J. Rauber et al., "Foolbox Native", Journal of Open Source Software 5 (2020).

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits; in evaluation mode.
        images: the clean images. Foolbox keeps perturbed images in [0, 1], unlike the rest of this library.
        name: name of a class of ``foolbox.attacks``.
        seed: seed of attacks with a random start.
        epsilon: size of the perturbations in the attack's own norm; None for attacks that minimise it.
        batch_size: images that are attacked at once.
        options: arguments of the attack's constructor.

    Returns:
        Perturbations of the shape of ``images``, whether they fool or not.

    Raises:
        ConfigError: the attack does not accept these options.
        ValueError: the network is in training mode, the images are not (n, channels, height, width), or their pixels
            are far outside [0, 1].
    """
    import foolbox

    check_mode(network)
    check_images(images)
    found = []
    try:
        attack = getattr(foolbox.attacks, name)(**options)
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device=images.device)
        with seeded(seed, images.device):
            for batch in images.split(batch_size or images_at_once(network, images)):
                criterion = foolbox.criteria.Misclassification(predict(network, batch).argmax(1))
                found.append(attack(model, batch, criterion, epsilons=epsilon)[1] - batch)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"perturbations.foolbox.{name}: {error}") from error
    return torch.cat(found)
