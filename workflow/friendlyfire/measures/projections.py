"""Images projected onto nested subspaces (section 4.2)."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from friendlyfire.bases.basis import Basis
from friendlyfire.checks import check_basis, check_ranks


def columns(basis: Basis, device: torch.device) -> Tensor:
    """Return the directions (d, k) of a basis in float32, the precision of the images."""
    return torch.from_numpy(basis.vectors.astype(np.float32)).to(device)


def nested_projections(images: Tensor, mean: Tensor, basis: Tensor, ranks: Sequence[int]) -> Iterable[Tensor]:
    """Project images onto the first k columns of a basis, for each k of ``ranks``: mean + Q_k Q_k' (i - mean).

    Each projection adds only its new columns to the previous one. The mean image is not projected, so the component of
    the training mean outside the subspace (the paper's footnote 5) is included, and k = 0 gives the mean image.

    Args:
        images: (n, channels, height, width).
        mean: mean image of the training set, (channels, height, width).
        basis: (d, k) orthonormal columns.
        ranks: ascending; the last at most k.

    Yields:
        Tensors of the shape of ``images``.

    Raises:
        ValueError: the basis is not orthonormal, or the ranks do not suit it.
    """
    check_basis(basis, images.shape[1:].numel())
    check_ranks(ranks, basis.shape[1])
    centred = (images - mean).flatten(1)
    projected, reached = torch.zeros_like(centred), 0
    for rank in ranks:
        columns = basis[:, reached:rank]
        projected = torch.addmm(projected, centred @ columns, columns.T)
        reached = rank
        yield mean + projected.reshape(images.shape)
