"""Images to train on that another network has changed: without its directions, or attacked and relabelled."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import images_at_once
from friendlyfire.networks.network import mean_pixels, without_directions
from friendlyfire.networks.robust.balls import norms
from friendlyfire.networks.robust.pgd import pgd
from friendlyfire.records.errors import ConfigError
from friendlyfire.records.progress import progress
from friendlyfire.records.seeds import derive_seed

#: Gradients per attacked image.
STEPS = 40


def attacked(
    network: nn.Module, images: Tensor, targets: Tensor, vectors: Tensor | None, *, radius: float, steps: int
) -> Tensor:
    """Compute perturbations that raise the probability of each image's target, in an L2 ball, inside a span if given.

    Source: A. Ilyas, S. Santurkar, D. Tsipras, L. Engstrom, B. Tran, A. Madry, "Adversarial examples are not bugs, they
    are features", NeurIPS 2019, section 3.2. Pixels may leave [0, 1]: what is clipped would leave the span.

    Args:
        network: images to logits.
        images: the clean images, (n, channels, height, width), pixels in [0, 1].
        targets: (n,) classes to reach.
        vectors: (d, k) orthonormal columns whose span contains the perturbations; None for the whole space.
        radius: of the ball, in pixels in [0, 1].
        steps: number of gradients per image.
    """
    options = {"norm": "l2", "radius": radius, "steps": steps, "bounds": None, "basis": vectors}
    return pgd(network, images, targets, objective=log_probabilities, **options)


def log_probabilities(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the logarithm of the probability (n,) of each target."""
    return logits.log_softmax(1).gather(1, targets[:, None]).squeeze(1)


def noise_like(perturbations: Tensor, vectors: Tensor | None, generator: torch.Generator) -> Tensor:
    """Draw perturbations in random directions, inside a span if given, each as long as the one in its place."""
    drawn = torch.randn(perturbations.shape, generator=generator).to(perturbations)
    if vectors is not None:
        drawn = (drawn.flatten(1) @ vectors @ vectors.T).reshape(drawn.shape)
    return drawn * (norms(perturbations, "l2") / norms(drawn, "l2"))


def leading(vectors: np.ndarray, section: Mapping[str, Any], device: torch.device | str = "cpu") -> Tensor:
    """Return the first of a basis' columns (d, k), as many as ``networks.train_on`` asks for, float32.

    Raises:
        ConfigError: the basis has fewer.
    """
    if section["rank"] > vectors.shape[1]:
        raise ConfigError(
            f"networks.train_on.rank: {section['basis']} of {section['of']} has {vectors.shape[1]} directions, not "
            f"{section['rank']}; set less"
        )
    return torch.from_numpy(vectors[:, : section["rank"]].astype(np.float32)).to(device)


def lessons(
    images: Tensor,
    labels: Tensor,
    dataset: Dataset,
    section: Mapping[str, Any],
    seed: int,
    network: nn.Module | None = None,
    vectors: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the images and labels that ``networks.train_on`` asks for.

    Relabelled images get a class drawn at random, independent of their own: nothing but the perturbation tells it.
    Where noise of the same norms takes the perturbation's place, nothing does.

    Args:
        images: training images, uint8 (n, channels, height, width).
        labels: (n,) their classes.
        dataset: their data set.
        section: ``networks.train_on``.
        seed: of the labels and of the noise.
        network: the other network, for attacks.
        vectors: (d, k) directions of its basis, see :func:`leading`; None for the whole space.

    Returns:
        Images float32, and labels (n,).
    """
    kind = section["images"]
    if kind == "without-directions":
        mean = mean_pixels(dataset, images.device)
        parts = [without_directions(batch.float() / 255, mean, vectors) for batch in images.split(1024)]
        return torch.cat(parts), labels
    generator = torch.Generator().manual_seed(derive_seed(seed, "labels"))
    targets = torch.randint(len(dataset.class_names), labels.shape, generator=generator).to(labels)
    draws, found = torch.Generator().manual_seed(derive_seed(seed, "noise")), []
    size = images_at_once(network, images[:1].float())
    for batch, wanted in progress(list(zip(images.split(size), targets.split(size), strict=True)), "batches"):
        pixels = batch.float() / 255
        added = attacked(network, pixels, wanted, vectors, radius=section["radius"], steps=section.get("steps", STEPS))
        found.append(pixels + (added if kind == "attacks" else noise_like(added, vectors, draws)))
    return torch.cat(found), targets
