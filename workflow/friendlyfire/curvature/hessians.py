"""Mean Hessians of the margins at a class boundary, as operators without a matrix (section 3, algorithm 1)."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from friendlyfire.checks import check_images, check_mode, check_targets
from friendlyfire.devices import full_float32, images_at_once
from friendlyfire.records.errors import CurvatureError

#: Operations with kinks, by the beginnings of their names in torch's dispatcher: second derivatives do not describe the
#: curvature of networks that call them.
_KINKED = (
    "relu", "leaky_relu", "prelu", "_prelu", "rrelu", "threshold", "hard", "softshrink", "max", "adaptive_max_pool",
    "fractional_max_pool", "min", "amax", "amin", "abs", "clamp",
)  # fmt: skip


def reference_step(pixels: int, data_range: float = 1.0) -> float:
    """Return the step of the central differences in the paper's reference code: 10 sqrt(d) range / 512.

    The step is part of the result, because the logits of a network of rectifiers and max-pooling are piecewise linear:
    the change of their gradient over that distance is measured. Units: those of ``data_range``.
    """
    return 10 * pixels**0.5 * data_range / 512


def smooth_step(pixels: int) -> float:
    """Return a step of one-sided differences for smooth networks, in pixels in [0, 1]: sqrt(eps) (1 + ||x||).

    It balances the truncation, which grows with the step, with the rounding of float32 gradients, which falls with it.

    Source: D. A. Knoll, D. E. Keyes, "Jacobian-free Newton-Krylov methods", 2004, section 2.1. ASSUME: images with a
    root mean square of 1/2, so ||x|| = sqrt(d) / 2.
    """
    return torch.finfo(torch.float32).eps ** 0.5 * (1 + pixels**0.5 / 2)


class MeanHessian(Protocol):
    """The mean over boundary points of the (d, d) Hessian of F_target - F_source, as an operator."""

    pixels: int  #: d
    points: int  #: number of points it is the mean over
    num_gradients: int  #: number of gradients of single images so far

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        """Return the product with ``probes`` (d, p), float64."""
        ...


class DifferenceHessian:
    """Mean Hessian of a margin by central differences of its gradient.

    H v = mean over x of [g(x + h v) - g(x - h v)] / (2 h) for a unit vector v; g is the gradient of
    F_target - F_source. With the large steps that piecewise linear networks need, this operator is neither linear nor
    symmetric; decompositions measure the deviation (:class:`Quality`).

    DEPARTS: the reference code uses F_source - F_target. Here, as in algorithm 1, the direction of a positive
    eigenvalue leads *into* the target.

    Args:
        network: images (n, channels, height, width) to logits.
        images: the boundary points, (n, channels, height, width), pixels in [0, 1].
        target: class on the positive side.
        sources: (n,) source class of each point.
        step: h, in pixels; see :func:`reference_step`.
        batch_size: images that pass through the network at once.

    Raises:
        ValueError: the network is in training mode, there are no images, a source class is the target, or a type or
            shape is wrong.

    Cost:
        Two gradients per point and probe.
    """

    ends = 2  #: gradients per product and point, a step apart

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        images: Tensor,
        target: int,
        sources: Tensor,
        step: float,
        batch_size: int | None = None,
    ):
        _check_points(network, images, target, sources)
        self.network = network
        self.images = images
        self.target = target
        self.sources = sources
        self.step = step
        self.batch_size: int = batch_size or images_at_once(network, images)
        self.points: int = len(images)
        self.pixels: int = images[0].numel()
        self.num_gradients: int = 0

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        probes = np.asarray(probes, dtype=np.float64)
        lengths = np.linalg.norm(probes, axis=0)
        units = torch.from_numpy(probes / np.where(lengths > 0, lengths, 1)).T.to(self.images)  # (p, d)
        product = torch.zeros(units.shape, dtype=torch.float64)
        probes_at_once = max(1, self.batch_size // self.points)
        for start in range(0, len(units), probes_at_once):
            rows = slice(start, min(start + probes_at_once, len(units)))
            shifts = self.step * units[rows].reshape(-1, 1, *self.images.shape[1:])  # (p, 1, c, h, w)
            for part in torch.arange(self.points, device=self.images.device).split(self.batch_size):
                change = self._change(part, shifts).sum(1, dtype=torch.float64)
                product[rows] += change.cpu() / (self.ends * self.step * self.points)
        self.num_gradients += self.ends * self.points * len(units)
        return (product.T * torch.from_numpy(lengths)).numpy()

    def _change(self, part: Tensor, shifts: Tensor) -> Tensor:
        """Return the change (p, points, d) of the gradients at the points ``part`` along each shift."""
        images, sources = self.images[part], self.sources[part].repeat(len(shifts))
        forward, backward = (
            margin_gradients(self.network, (images + sign * shifts).flatten(0, 1), self.target, sources)
            for sign in (1, -1)
        )
        return (forward - backward).reshape(len(shifts), len(part), -1)


class OneSidedHessian(DifferenceHessian):
    """Mean Hessian of a margin by one-sided differences of its gradient, for smooth networks: half the gradients.

    H v = mean over x of s [g(x + s h v) - g(x)] / h for a unit vector v; g is the gradient of F_target - F_source, and
    the side s is 1 and -1 in turn over the points. The third derivative contributes s h / 2 at each point, so that its
    mean over the points nearly vanishes.

    Args: as :class:`DifferenceHessian`; the step is small, see :func:`smooth_step`.

    Raises:
        CurvatureError: the network has kinks, or is piecewise linear, see :class:`ExactHessian`.

    Cost:
        One gradient per point, and one per point and probe.
    """

    ends = 1

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        images: Tensor,
        target: int,
        sources: Tensor,
        step: float,
        batch_size: int | None = None,
    ):
        super().__init__(network, images, target, sources, step, batch_size)
        _check_smooth(network, images[:1], "one-sided differences need")
        ExactHessian(network, images[:1], target, sources[:1])  # refuses piecewise linear functions too
        self.sides: Tensor = 1 - 2 * (torch.arange(len(images), device=images.device) % 2)
        parts = torch.arange(self.points, device=images.device).split(self.batch_size)
        here = [margin_gradients(network, images[part], target, sources[part]) for part in parts]
        self.here: Tensor = torch.cat(here)
        self.num_gradients: int = self.points

    def _change(self, part: Tensor, shifts: Tensor) -> Tensor:
        sides = self.sides[part]
        moved = (self.images[part] + sides[:, None, None, None] * shifts).flatten(0, 1)
        there = margin_gradients(self.network, moved, self.target, self.sources[part].repeat(len(shifts)))
        return sides[:, None] * (there.reshape(len(shifts), len(part), -1) - self.here[part])


class _Called(TorchDispatchMode):
    """Records the names of all operations that are called in its context, whoever calls them."""

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@torch.enable_grad()
def _check_smooth(network: Callable[[Tensor], Tensor], image: Tensor, method: str) -> None:
    """Raise a CurvatureError if a network calls operations with kinks for an image (1, channels, height, width)."""
    with _Called() as called:
        network(image.detach().requires_grad_(True))
    kinked = sorted(name for name in called.names if name.startswith(_KINKED))
    if kinked:
        raise CurvatureError(
            f"{method} a smooth network, but this one has {', '.join(kinked)}; choose networks."
            "activation softplus or gelu and networks.pooling average, or curvature.hessian differences"
        )


def _check_points(network: Callable[[Tensor], Tensor], images: Tensor, target: int, sources: Tensor) -> None:
    """Raise unless there are boundary points, each with a source class other than the target.

    Raises:
        ValueError: the network is in training mode, there are no images, or a type, shape or class is wrong.
    """
    check_mode(network)
    check_images(images)
    check_targets(sources, len(images), name="sources")
    if not len(images):
        raise ValueError("no boundary points: at least one image is needed")
    if target < 0 or (sources == target).any():
        raise ValueError(f"target={target}: a class other than those of the sources is expected")


class ExactHessian:
    """Mean Hessian of a margin by automatic differentiation (reverse over reverse), for smooth networks.

    Args: as :class:`DifferenceHessian`, without a step.

    Raises:
        CurvatureError: the network has kinks (rectifiers, max-pooling), or its Hessian vanishes at every point probed,
            as a piecewise linear network's does.

    Cost:
        One Hessian-vector product per point and probe, counted as two gradients. The gradient graph is computed once
        for all probes of a product.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        images: Tensor,
        target: int,
        sources: Tensor,
        batch_size: int | None = None,
    ):
        _check_points(network, images, target, sources)
        _check_smooth(network, images[:1], "the exact Hessian needs")
        self.network = network
        self.images = images
        self.target = target
        self.sources = sources
        self.batch_size: int = batch_size or images_at_once(network, images)
        self.points: int = len(images)
        self.pixels: int = images[0].numel()
        self.num_gradients: int = 0
        probe = np.random.default_rng(0).standard_normal((self.pixels, 1))
        if not np.any(self @ probe):
            raise CurvatureError(
                "the exact Hessian vanishes: the network is piecewise linear; choose curvature.hessian differences"
            )

    @full_float32()
    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        directions = torch.from_numpy(np.ascontiguousarray(np.asarray(probes).T)).to(self.images)  # (p, d)
        product = torch.zeros(directions.shape, dtype=torch.float64)
        for part in torch.arange(self.points, device=self.images.device).split(self.batch_size):
            images = self.images[part].requires_grad_(True)
            with torch.enable_grad():
                total = margins(self.network(images), self.target, self.sources[part]).sum()
                gradient = torch.autograd.grad(total, images, create_graph=True)[0]
            if not gradient.requires_grad:  # a linear network
                continue
            for row, direction in enumerate(directions):
                along = direction.reshape(images.shape[1:]).expand_as(images)
                change = torch.autograd.grad(gradient, images, along, retain_graph=True, materialize_grads=True)[0]
                product[row] += change.flatten(1).sum(0, dtype=torch.float64).cpu() / self.points
        self.num_gradients += 2 * self.points * len(directions)
        return product.T.numpy()


def margins(logits: Tensor, target: int, sources: Tensor) -> Tensor:
    """Return F_target - F_source of each image: (n,)."""
    return logits[:, target] - logits.gather(1, sources[:, None]).squeeze(1)


@full_float32()
def margin_gradients(network: Callable[[Tensor], Tensor], images: Tensor, target: int, sources: Tensor) -> Tensor:
    """Return the gradient (n, d) of F_target - F_source at each image, independent of the other images."""
    images = images.detach().requires_grad_(True)
    with torch.enable_grad():
        total = margins(network(images), target, sources).sum()
    return torch.autograd.grad(total, images)[0].flatten(1)


class PooledHessian:
    """Mean over the points of several :class:`MeanHessian`, such as the blocks of a sample, added in their order."""

    def __init__(self, *parts: MeanHessian):
        self.parts = parts
        self.points: int = sum(part.points for part in parts)
        self.pixels: int = parts[0].pixels

    @property
    def num_gradients(self) -> int:
        """Number of gradients of single images over all parts."""
        return sum(part.num_gradients for part in self.parts)

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        return sum(part.points * (part @ probes) for part in self.parts) / self.points
