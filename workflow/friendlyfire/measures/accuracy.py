"""Accuracy of a network on images projected onto nested subspaces (section 4.2)."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from friendlyfire.devices import full_float32
from friendlyfire.networks.network import classes_of


def nested_projections(images: Tensor, mean: Tensor, basis: Tensor, ranks: Sequence[int]) -> Iterable[Tensor]:
    """The images projected onto the first k columns of a basis, for each k of ``ranks``: mean + Q_k Q_k' (i - mean).

    Each next projection adds only the columns that are new to it. Since the mean image stays whole, the component of
    the training mean outside the subspace, which the paper's footnote 5 speaks of, is included, and k = 0 gives the
    mean image.

    Args:
        images: (n, channels, height, width).
        mean: mean image of the training set, (channels, height, width).
        basis: (d, k) orthonormal columns.
        ranks: ascending; the last at most k.

    Yields:
        Tensors of the shape of ``images``.
    """
    centred = (images - mean).flatten(1)
    projected, reached = torch.zeros_like(centred), 0
    for rank in ranks:
        columns = basis[:, reached:rank]
        projected = torch.addmm(projected, centred @ columns, columns.T)
        reached = rank
        yield mean + projected.reshape(images.shape)


@full_float32()
@torch.no_grad()
def correct_by_rank(
    network: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    mean: Tensor,
    basis: Tensor,
    ranks: Sequence[int],
) -> np.ndarray:
    """Which projected images the network classifies correctly, at each rank.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits.
        batches: pairs of images and their labels (n,).
        mean: see :func:`nested_projections`.
        basis: likewise; in the precision and on the device of the images.
        ranks: likewise.

    Returns:
        (number of ranks, n) bool, the images in the order of the batches.

    Cost:
        One forward pass for each rank, and one projection onto the largest subspace for all ranks together.
    """
    found = []
    for images, labels in batches:
        projections = nested_projections(images, mean, basis, ranks)
        found.append(torch.stack([classes_of(network(projected)) == labels for projected in projections]).cpu().numpy())
    return np.concatenate(found, axis=1)
