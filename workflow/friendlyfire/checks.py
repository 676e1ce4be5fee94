"""Checks of the arguments of the library's functions: a ValueError in one line, before any computation."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

#: Largest absolute pixel value accepted for an image in [0, 1], perturbed or not. ASSUME: images in 0 to 255 have
#: larger values, and perturbed images do not.
LARGEST_PIXEL = 16

#: Largest error of a vector that is taken to an orthonormal basis and back, relative to its length.
SKEW = 1e-3


def check_mode(network: Callable[[Tensor], Tensor]) -> None:
    """Raise if a layer of a network is in training mode, in which dropout and batch normalisation differ.

    Only modules without children count: what another library puts around a network has a mode of its own. A function
    that is no module hides the layers that it calls.

    Raises:
        ValueError: a layer is in training mode.
    """
    modules = network.modules() if isinstance(network, nn.Module) else ()
    if any(module.training for module in modules if not list(module.children())):
        raise ValueError("the network is in training mode; call network.eval() first")


def check_images(images: Tensor, name: str = "images") -> None:
    """Raise unless ``images`` is a batch of images with pixels in [0, 1]; perturbed images may leave that range.

    Cost:
        One pass over the pixels.

    Raises:
        ValueError: no tensor, not (n, channels, height, width), not floating-point, or with pixels far outside [0, 1].
    """
    if not isinstance(images, Tensor):
        raise ValueError(
            f"{name}: a tensor is expected, not {type(images).__name__}; call torch.from_numpy on an array"
        )
    if images.ndim != 4:
        raise ValueError(f"{name} of shape {tuple(images.shape)}: (n, channels, height, width) is expected")
    if not images.is_floating_point():
        raise ValueError(
            f"{name} of dtype {images.dtype}: floating-point pixels in [0, 1] are expected; divide by 255, or call "
            "as_pixels on a uint8 array"
        )
    if images.numel():
        low, high = torch.aminmax(images.detach())
        reach = max(-float(low), float(high))
        if reach > LARGEST_PIXEL:
            raise ValueError(f"{name}: pixels in [0, 1] are expected, but these reach {reach:.4g}; divide by 255")


def check_bounds(bounds: Sequence[float], images: Tensor) -> None:
    """Raise unless ``bounds`` are two ascending numbers with all pixels of ``images`` between them.

    Raises:
        ValueError: not two ascending numbers, or a pixel lies outside.
    """
    if len(bounds) != 2 or not bounds[0] < bounds[1]:
        raise ValueError(f"bounds={bounds!r}: the smallest and the largest pixel value are expected, such as (0, 1)")
    if images.numel():
        low, high = torch.aminmax(images.detach())
        if low < bounds[0] or high > bounds[1]:
            raise ValueError(
                f"bounds={bounds!r}: pixels from {float(low):.4g} to {float(high):.4g} are outside; clamp the images "
                "or widen the bounds"
            )


def check_differentiable(network: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """Raise unless the gradients of a network can be computed at images, and are those of its evaluation.

    Raises:
        ValueError: the network is in training mode, the images are not (n, channels, height, width), their pixels are
            far outside [0, 1], or torch is in inference mode.
    """
    check_mode(network)
    check_images(images)
    if torch.is_inference_mode_enabled():
        raise ValueError("gradients are needed, which torch.inference_mode() forbids; call this under torch.no_grad()")


def are_probabilities(logits: Tensor) -> bool:
    """Whether all rows of ``logits`` (n, classes) are non-negative and sum to 1, as after a softmax."""
    return len(logits) > 0 and bool((logits >= 0).all()) and float((logits.sum(1) - 1).abs().max()) < 1e-4


def check_logits(logits: Tensor, n: int) -> None:
    """Raise unless a network has returned logits for ``n`` images.

    Raises:
        ValueError: not a tensor (n, classes) of two classes or more, or probabilities, whose boundaries are too flat to
            be linearised.
    """
    if not isinstance(logits, Tensor):
        raise ValueError(
            f"the network returns a {type(logits).__name__}: a tensor of logits is expected; wrap it in a function"
        )
    if logits.ndim != 2 or len(logits) != n or logits.shape[1] < 2:
        raise ValueError(
            f"the network returns shape {tuple(logits.shape)} for {n} images: logits ({n}, classes) of two classes or "
            "more are expected"
        )
    if are_probabilities(logits):
        raise ValueError("the network returns probabilities, which sum to 1, and not logits; remove its softmax")


def check_targets(targets: Tensor, n: int, classes: int | None = None, name: str = "targets") -> None:
    """Raise unless ``targets`` holds one class for each of ``n`` images.

    Raises:
        ValueError: not a tensor of integers, not (n,), or not all in 0 to ``classes`` - 1.
    """
    if not isinstance(targets, Tensor):
        raise ValueError(f"{name}={targets!r}: a tensor of {n} classes is expected, such as torch.full((n,), 3)")
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise ValueError(f"{name} of dtype {targets.dtype}: class indices are integers; call {name}.long()")
    if targets.shape != (n,):
        raise ValueError(f"{name} of shape {tuple(targets.shape)}: one class for each image is expected, ({n},)")
    if n and not 0 <= int(targets.min()) <= int(targets.max()) < (classes or np.inf):
        raise ValueError(
            f"{name} from {int(targets.min())} to {int(targets.max())}: "
            + ("classes are 0 or more" if classes is None else f"the network's classes are 0 to {classes - 1}")
        )


def check_basis(basis: Tensor | np.ndarray, d: int) -> None:
    """Raise unless ``basis`` holds orthonormal columns of image space.

    Cost:
        Two products with a vector.

    Raises:
        ValueError: neither a tensor nor an array, not (d, k) with k <= d, not finite, or not orthonormal.
    """
    if not isinstance(basis, Tensor | np.ndarray):
        raise ValueError(
            f"basis: a tensor or an array of columns ({d}, k) is expected, not {type(basis).__name__}"
            + ("; give its vectors" if hasattr(basis, "vectors") else "")
        )
    if basis.ndim != 2 or len(basis) != d or basis.shape[1] > d:
        transposed = "; transpose it" if basis.ndim == 2 and basis.shape[1] == d else ""
        raise ValueError(
            f"basis of shape {tuple(basis.shape)}: columns of image space are expected, ({d}, k) with k at most "
            f"{d}{transposed}"
        )
    # The columns are orthonormal if and only if every vector of coordinates survives; a random one almost surely tells.
    drawn = np.random.default_rng(0).standard_normal(basis.shape[1])
    there = torch.from_numpy(drawn).to(basis) if isinstance(basis, Tensor) else drawn.astype(basis.dtype)
    back = basis.T @ (basis @ there)
    error = float(((back - there) ** 2).sum() ** 0.5 / max((drawn**2).sum() ** 0.5, 1e-9))
    if not error <= SKEW:
        raise ValueError(
            f"the columns of the basis are not orthonormal, a random vector is off by {error:.2g}; call "
            "torch.linalg.qr(basis).Q, which has the same span"
        )


def check_ranks(ranks: Sequence[int], k: int) -> None:
    """Raise unless ``ranks`` are numbers of columns of a basis of ``k``, in ascending order.

    Raises:
        ValueError: a rank is less than the one before, or not in 0 to k.
    """
    ranks = list(ranks)
    if ranks != sorted(ranks) or (ranks and not 0 <= ranks[0] <= ranks[-1] <= k):
        raise ValueError(f"ranks {ranks}: ascending numbers of the {k} columns of the basis are expected")


def check_blocks(blocks: Sequence[tuple[int, int]], k: int) -> None:
    """Raise unless each block is a range of the columns of a basis (d, k), the first one and the first beyond.

    Raises:
        ValueError: there is no basis (k = 0), there is no block, or a block is empty or not within 0 to k.
    """
    if not k:
        raise ValueError("blocks without a basis: give the basis (d, k) that they belong to")
    if not len(blocks):
        raise ValueError("blocks is empty: give at least one range of columns, or None for all columns")
    for first, beyond in blocks:
        if not 0 <= first < beyond <= k:
            raise ValueError(f"block ({first}, {beyond}) is empty or not within the {k} columns of the basis")
