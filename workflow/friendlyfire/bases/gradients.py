"""Singular vectors of gradients: of a network's own logits, and of freshly drawn networks of its architecture."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from friendlyfire.attacks.gradients import gradients
from friendlyfire.bases.basis import Basis
from friendlyfire.bases.singular import CHUNK_BYTES, singular_directions
from friendlyfire.checks import check_differentiable
from friendlyfire.devices import full_float32, images_at_once
from friendlyfire.records.errors import BasisError
from friendlyfire.records.progress import progress
from friendlyfire.records.seeds import derive_seed

BASES = {
    "jacobian": {
        "make": "jacobian_basis",
        "from": "network",
        "images": "jacobian_images",
        "settings": ["bases.jacobian_images", "bases.directions"],
        "scores": "singular values of the logits' Jacobians, root mean square over images, logits / pixel",
        "label": "Jacobian of the logits",
        "colour": "#6A3D9A",
    },
    "untrained": {
        "make": "untrained_basis",
        "from": "architecture",
        "images": "untrained_images",
        "settings": ["bases.untrained_networks", "bases.untrained_images", "bases.directions"],
        "scores": "singular values of the gradients of a logit, root mean square over networks and images, "
        "logits / pixel",
        "label": "untrained networks (control)",
        "colour": "#B09C85",
    },
}

#: Largest number of dimensions d whose matrix (d, d) is formed: 3.2 GB in float64.
LARGEST_GRAM = 20_000

#: Passes over the rows that improve the leading directions, and directions beside those that are asked for. Source:
#: Halko et al. (see :func:`leading_directions`), sections 4.5 and 4.2.
PASSES, BESIDE = 2, 10


def jacobian_basis(network: nn.Module, images: Tensor, pixels: int, count: int, seed: int) -> Basis:
    """Return the right singular vectors of the Jacobians of the logits at all images, stacked.

    For a linear network they span the rows of its matrix.

    Source: V. Khrulkov, I. Oseledets, "Art of singular vectors and universal adversarial perturbations", CVPR 2018.
    DEPARTS: the Jacobians are those of the logits, there of a hidden layer; the norms are Euclidean, there (p, q).

    Args:
        network: in evaluation mode.
        images: (n, channels, height, width), pixels in [0, 1].
        pixels: d.
        count: largest number of directions.
        seed: of the start, if d is above :data:`LARGEST_GRAM`.

    Cost:
        One gradient per image and class; above :data:`LARGEST_GRAM` ``PASSES + 1`` times that.
    """
    logits = network(images[:1]).shape[1]

    def rows(part: slice) -> Tensor:
        return logit_jacobians(network, images[part.start // logits : part.stop // logits]).flatten(0, 1)

    return principal_gradients(rows, len(images), logits, pixels, count, seed)


def untrained_basis(
    draw: Callable[[int], nn.Module], networks: int, images: Tensor, pixels: int, count: int, seed: int
) -> Basis:
    """Return the principal components of input gradients of freshly drawn networks: what their architecture prefers.

    Logits of fresh networks are exchangeable, so the first stands for all. The mean gradient of fresh networks is 0, so
    nothing is subtracted.

    Source: G. Ortiz-Jimenez, A. Modas, S. Moosavi-Dezfooli, P. Frossard, "Neural anisotropy directions", NeurIPS 2020.
    DEPARTS: exact gradients at images, there differences with a large step at one point of noise.

    Args:
        draw: a function of a seed that returns a network.
        networks: number of networks.
        images: (n, channels, height, width), pixels in [0, 1]; all networks are differentiated at all of them.
        pixels: d.
        count: largest number of directions.
        seed: of the networks.

    Cost:
        One gradient per network and image.
    """

    def rows(part: slice) -> Tensor:
        chosen = progress(range(part.start // len(images), part.stop // len(images)), "networks")
        return torch.cat(
            [gradients(draw(derive_seed(seed, "network", i)), images, None, _first).flatten(1) for i in chosen]
        )

    return principal_gradients(rows, networks, len(images), pixels, count, seed)


def _first(logits: Tensor, labels: Tensor) -> Tensor:
    return logits[:, 0]


@full_float32()
def logit_jacobians(network: Callable[[Tensor], Tensor], images: Tensor, batch_size: int | None = None) -> Tensor:
    """Return the Jacobian (n, c, d) of the logits with respect to the pixels of each image.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits (n, c), each image on its own.
        images: where it is differentiated.
        batch_size: images that pass through the network at once.

    Raises:
        ValueError: see :func:`.check_differentiable`.
    """
    check_differentiable(network, images)
    found = []
    for batch in progress(images.split(batch_size or images_at_once(network, images)), "batches of images"):
        batch = batch.detach().requires_grad_(True)
        with torch.enable_grad():
            logits = network(batch)
        # A sum over the images has independent gradients.
        rows = [torch.autograd.grad(logit.sum(), batch, retain_graph=True)[0].flatten(1) for logit in logits.unbind(1)]
        found.append(torch.stack(rows, 1))
    return torch.cat(found)


def principal_gradients(
    rows: Callable[[slice], Tensor], groups: int, size: int, pixels: int, count: int, seed: int
) -> Basis:
    """Return the leading right singular vectors of gradients, which are computed when they are needed.

    Args:
        rows: returns the gradients of a slice, (m, d), whose ends are multiples of ``size``.
        groups: the matrix has ``groups * size`` rows.
        size: rows that are computed together.
        pixels: d.
        count: largest number of directions.
        seed: see :func:`leading_directions`.

    Raises:
        BasisError: a gradient is not finite, or all are zero.
    """
    n, chunk = groups * size, size * max(1, CHUNK_BYTES // (4 * pixels * size))
    slices = [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]

    def checked(part: slice) -> Tensor:
        found = rows(part)
        if not found.isfinite().all():
            raise BasisError("a gradient of the network is not finite; it has no singular vectors")
        return found

    if pixels > LARGEST_GRAM:
        vectors, values = leading_directions(lambda: map(checked, slices), pixels, min(count, n), seed)
    else:
        vectors, values = singular_directions(lambda part: checked(part).cpu().numpy(), n, pixels, chunk)
    # Per image or network: more of them change the values by noise only.
    return Basis(vectors[:, :count].copy(), values[:count] / np.sqrt(groups))


def leading_directions(
    blocks: Callable[[], Iterable[Tensor]], pixels: int, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return leading right singular vectors and singular values of a matrix that is given in blocks of rows.

    Subspace iteration from a random start, in float64 on the device of the rows. Neither the matrix nor one of its Gram
    matrices is formed. Directions whose singular values are apart from the first that is left out are exact; the last
    ones mix with their neighbours.

    Source: N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness", SIAM Review 53 (2011),
    algorithm 4.4.

    Args:
        blocks: returns the blocks (m, d), anew at each call.
        pixels: d.
        count: k.
        seed: of the start.

    Returns:
        ``vectors`` (d, k'), orthonormal, and ``values`` (k',) in descending order; k' is at most k and the rank.

    Raises:
        BasisError: all rows are zero.

    Cost:
        ``PASSES + 1`` passes over the blocks.
    """
    width = min(count + BESIDE, pixels)
    basis = torch.from_numpy(np.random.default_rng(seed).standard_normal((pixels, width)))
    for last in [False] * PASSES + [True]:
        gram, total = None, 0
        for block in blocks():
            rows = block.double()
            basis = basis.to(block.device)
            inside = rows @ basis
            gram = (inside.T @ inside if last else rows.T @ inside) + (0 if gram is None else gram)
            total += rows.square().sum()
        if not total:
            raise BasisError(f"gradients of length {pixels} span nothing: they are all zero")
        if not last:
            basis = torch.linalg.qr(gram).Q
    squares, turns = np.linalg.eigh(gram.cpu().numpy())
    squares, turns = squares[::-1][:count], turns[:, ::-1][:, :count]
    kept = squares > squares[0] * np.finfo(np.float64).eps * pixels
    vectors = basis.cpu().numpy() @ turns[:, kept]
    return vectors, np.sqrt(squares[kept])
