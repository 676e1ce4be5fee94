"""Attacks on many images, and their arrays for a store, in the order of the images."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import nn

from friendlyfire.attacks.deepfool import Attack
from friendlyfire.datasets.images import Part
from friendlyfire.networks.network import as_pixels
from friendlyfire.records.progress import progress

#: Columns stored per image in addition to its perturbation.
COLUMNS = {
    **dict.fromkeys(("sources", "reached", "statuses", "iterations", "labels", "indices"), np.int64),
    "held_out": bool,
}


def perturb(
    network: nn.Module,
    parts: Mapping[str, Part],
    blocks: Sequence[tuple[str, int, int]],
    attack: Callable[..., Attack],
    seed: Callable[[str, int], int],
) -> dict[str, np.ndarray]:
    """Attack blocks of images, each with its own seed, so that no result depends on the shard of a block.

    Args:
        network: in evaluation mode.
        parts: images by role.
        blocks: role, start and stop of the images that are attacked together.
        attack: a function of network, images and ``seed``, see :func:`.with_statuses`.
        seed: a function that returns the seed of a block from its role and first image.

    Returns:
        ``perturbations`` (n, d) float32, their ``norms`` (n,) float64, and the :data:`COLUMNS`.
    """
    device = network.mean.device
    perturbations = [np.empty((0, int(np.prod(parts["directions"].shape))), dtype=np.float32)]
    columns = {name: [np.empty(0, dtype=dtype)] for name, dtype in COLUMNS.items()}
    for role, start, stop in progress(blocks, "blocks of images"):
        found = attack(network, as_pixels(parts[role].images(start, stop), device), seed=seed(role, start))
        perturbations.append(found.perturbations.flatten(1).cpu().numpy())
        for name in ("sources", "reached", "statuses", "iterations"):
            columns[name].append(getattr(found, name).cpu().numpy())
        columns["labels"].append(parts[role].labels(start, stop))
        columns["indices"].append(parts[role].indices(start, stop))
        columns["held_out"].append(np.full(stop - start, role == "held-out"))
    stacked = np.concatenate(perturbations)
    norms = np.linalg.norm(stacked.astype(np.float64), axis=1)
    return {
        "perturbations": stacked,
        "norms": norms,
        **{name: np.concatenate(column) for name, column in columns.items()},
    }
