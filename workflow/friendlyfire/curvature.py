"""Mean curvature of a decision boundary: the mean Hessian of a margin, and its eigenpairs (section 3, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
import torch
from torch import Tensor, nn

from friendlyfire.errors import CurvatureError

#: Modules with kinks: where they are, second derivatives do not say how the network curves.
_KINKED = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.Threshold, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish,
    nn.Hardshrink, nn.Softshrink, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool2d,
    nn.FractionalMaxPool2d,
)  # fmt: skip


def reference_step(pixels: int, data_range: float = 1.0) -> float:
    """Step of the central differences in the paper's reference code: 10 sqrt(d) range / 512.

    The step is part of the result, since the logits of a network of rectifiers and max-pooling are piecewise linear:
    what is measured is how their gradient turns over that distance. Units: those of ``data_range``.
    """
    return 10 * pixels**0.5 * data_range / 512


class MeanHessian(Protocol):
    """A (d, d) matrix that is never formed: the mean over boundary points of the Hessian of F_target - F_source."""

    pixels: int  #: d
    points: int  #: number of points it is the mean over
    num_gradients: int  #: gradients of single images spent so far

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        """Product with ``probes`` (d, p), float64."""
        ...


class DifferenceHessian:
    """Mean Hessian of a margin by central differences of its gradient.

    H v = mean over x of [g(x + h v) - g(x - h v)] / (2 h) for a unit vector v, g being the gradient of
    F_target - F_source. At the large steps that piecewise linear networks need this operator is neither linear nor
    symmetric; whoever decomposes it measures by how much (:class:`Quality`).

    DEPARTS: the reference code takes F_source - F_target. Here, as in algorithm 1, a positive eigenvalue leads *into*
    the target.

    Args:
        network: images (n, channels, height, width) to logits.
        images: the boundary points, (n, channels, height, width), pixels in [0, 1].
        target: class on the positive side.
        sources: (n,) class that each point came from.
        step: h, in pixels; see :func:`reference_step`.
        batch_size: images that pass through the network at once.

    Cost:
        Two gradients for each point and probe.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        images: Tensor,
        target: int,
        sources: Tensor,
        step: float,
        batch_size: int = 64,
    ):
        self.network, self.images, self.target, self.sources = network, images, target, sources
        self.step, self.batch_size = step, batch_size
        self.points, self.pixels, self.num_gradients = len(images), images[0].numel(), 0

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        probes = np.asarray(probes, dtype=np.float64)
        lengths = np.linalg.norm(probes, axis=0)
        units = torch.from_numpy(probes / np.where(lengths > 0, lengths, 1)).T.to(self.images)  # (p, d)
        product = torch.zeros(units.shape, dtype=torch.float64)
        probes_at_once = max(1, self.batch_size // self.points)
        for rows in torch.arange(len(units)).split(probes_at_once):
            shifts = self.step * units[rows].reshape(-1, 1, *self.images.shape[1:])  # (p, 1, c, h, w)
            for part in torch.arange(self.points, device=self.images.device).split(self.batch_size):
                images, sources = self.images[part], self.sources[part].repeat(len(rows))
                forward, backward = (
                    margin_gradients(self.network, (images + sign * shifts).flatten(0, 1), self.target, sources)
                    for sign in (1, -1)
                )
                change = (forward.double() - backward.double()).reshape(len(rows), len(part), -1).sum(1)
                product[rows] += change.cpu() / (2 * self.step * self.points)
        self.num_gradients += 2 * self.points * len(units)
        return (product.T * torch.from_numpy(lengths)).numpy()


class ExactHessian:
    """Mean Hessian of a margin by automatic differentiation (forward over reverse), for smooth networks.

    Args: as :class:`DifferenceHessian`, without a step.

    Raises:
        CurvatureError: the network has kinks (rectifiers, max-pooling), or its Hessian vanishes at every point probed,
            as a piecewise linear network's does.

    Cost:
        One Hessian-vector product, about two gradients, for each point and probe.
    """

    def __init__(
        self, network: Callable[[Tensor], Tensor], images: Tensor, target: int, sources: Tensor, batch_size: int = 64
    ):
        if isinstance(network, nn.Module):
            kinked = sorted({type(module).__name__ for module in network.modules() if isinstance(module, _KINKED)})
            if kinked:
                raise CurvatureError(
                    f"the exact Hessian needs a smooth network, and this one has {', '.join(kinked)}; choose networks."
                    "activation softplus or gelu and networks.pooling average, or curvature.hessian differences"
                )
        self.network, self.images, self.target, self.sources, self.batch_size = (
            network,
            images,
            target,
            sources,
            batch_size,
        )
        self.points, self.pixels, self.num_gradients = len(images), images[0].numel(), 0
        probe = np.random.default_rng(0).standard_normal((self.pixels, 1))
        if not np.any(self @ probe):
            raise CurvatureError(
                "the exact Hessian vanishes: the network is piecewise linear; choose curvature.hessian differences"
            )

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        directions = torch.from_numpy(np.ascontiguousarray(np.asarray(probes).T)).to(self.images)  # (p, d)
        product = torch.zeros(directions.shape, dtype=torch.float64)
        probes_at_once = max(1, self.batch_size // self.points)
        for rows in torch.arange(len(directions)).split(probes_at_once):
            tangents = directions[rows].reshape(-1, 1, *self.images.shape[1:])
            for part in torch.arange(self.points, device=self.images.device).split(self.batch_size):
                images = self.images[part].expand(len(rows), *self.images[part].shape)
                sources = self.sources[part].repeat(len(rows))

                def gradient(x: Tensor, sources: Tensor = sources) -> Tensor:
                    return torch.func.grad(lambda y: margins(self.network(y), self.target, sources).sum())(x)

                flat = images.flatten(0, 1)
                _, change = torch.func.jvp(gradient, (flat,), (tangents.expand_as(images).flatten(0, 1),))
                product[rows] += change.double().reshape(len(rows), len(part), -1).sum(1).cpu() / self.points
        self.num_gradients += 2 * self.points * len(directions)
        return product.T.numpy()


def margins(logits: Tensor, target: int, sources: Tensor) -> Tensor:
    """F_target - F_source of each image: (n,)."""
    return logits[:, target] - logits.gather(1, sources[:, None]).squeeze(1)


def margin_gradients(network: Callable[[Tensor], Tensor], images: Tensor, target: int, sources: Tensor) -> Tensor:
    """Gradient of F_target - F_source at each image: (n, d). A sum, not a mean, so that no image touches another's."""
    images = images.detach().requires_grad_(True)
    with torch.enable_grad():
        total = margins(network(images), target, sources).sum()
    return torch.autograd.grad(total, images)[0].flatten(1)


class PooledHessian:
    """Mean over the points of several :class:`MeanHessian`, such as the two halves of a sample."""

    def __init__(self, *parts: MeanHessian):
        self.parts, self.points, self.pixels = parts, sum(part.points for part in parts), parts[0].pixels

    @property
    def num_gradients(self) -> int:
        """Gradients of single images that the parts spent."""
        return sum(part.num_gradients for part in self.parts)

    def __matmul__(self, probes: np.ndarray) -> np.ndarray:
        return sum((part.points / self.points) * (part @ probes) for part in self.parts)


@dataclass
class Quality:
    """How far a decomposition can be trusted."""

    asymmetry: float  #: ||H - H'|| / ||H + H'|| (Frobenius) of what was measured, before it was symmetrised
    residual: float  #: largest ||H v - theta v|| / max |theta| over the leading eigenpairs
    overlap: float  #: mean squared cosine between the leading subspaces of two halves of the sample, in [0, 1]
    leading: int  #: number of leading directions (largest absolute eigenvalues) that the last two are about
    points: int  #: boundary points in the mean
    gradients: int  #: gradients of single images that it cost


@dataclass
class Eigenpairs:
    """Eigenvalues in descending order, with eigenvectors as columns and the quality of both."""

    values: np.ndarray  #: (k,) float64, 1 / pixel^2 times logits
    vectors: np.ndarray  #: (d, k) float64
    residuals: np.ndarray  #: (k,) ||H v - theta v|| / max |theta|; NaN where not measured
    converged: np.ndarray = field(repr=False)  #: (k,) bool
    quality: Quality


def subspace_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Mean squared cosine of the principal angles between two k-dimensional subspaces: 1 if equal, k / d if random.

    Args:
        first: (d, k) orthonormal columns.
        second: likewise.
    """
    return float(np.square(first.T @ second).sum() / first.shape[1])


def decompose_dense(
    halves: tuple[MeanHessian, MeanHessian], probes: np.ndarray | None = None, leading: int = 10, block: int = 256
) -> Eigenpairs:
    """All eigenpairs of the mean Hessian, formed whole from its products with an orthonormal basis, then symmetrised.

    Args:
        halves: the operator on two halves of the sample; the mean is over both.
        probes: (d, d) orthonormal basis to probe along; None for the pixels. It is part of the result.
        leading: how many directions the quality record is about.
        block: probes multiplied at once.

    Cost:
        2 (d + leading) gradients a point, and O(d^3).

    Raises:
        CurvatureError: the Hessian is not finite.
    """
    d, whole = halves[0].pixels, PooledHessian(*halves)
    measured = [_dense(half, probes, block) for half in halves]
    mean = sum((half.points / whole.points) * matrix for half, matrix in zip(halves, measured, strict=True))
    if not np.isfinite(mean).all():
        raise CurvatureError("the mean Hessian is not finite; are the network's weights, or the step too large?")
    values, vectors = scipy.linalg.eigh((mean + mean.T) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    leading = min(leading, d)
    foremost = np.argsort(-np.abs(values), kind="stable")[:leading]
    largest = np.abs(values).max() or 1.0
    residuals = np.full(d, np.nan)
    v = vectors[:, foremost]
    # Measured along the eigenvectors themselves, not along the probes: this is what nonlinearity costs.
    residuals[foremost] = np.linalg.norm(whole @ v - v * values[foremost], axis=0) / largest
    symmetric_norm = np.linalg.norm(mean + mean.T) or 1.0
    quality = Quality(
        asymmetry=float(np.linalg.norm(mean - mean.T) / symmetric_norm),
        residual=float(residuals[foremost].max()),
        overlap=subspace_overlap(*(_leading_eigenvectors((half + half.T) / 2, leading) for half in measured)),
        leading=leading,
        points=whole.points,
        gradients=whole.num_gradients,
    )
    return Eigenpairs(values, vectors, residuals, np.ones(d, dtype=bool), quality)


def _dense(operator: MeanHessian, probes: np.ndarray | None, block: int) -> np.ndarray:
    d = operator.pixels
    matrix = np.empty((d, d))
    for start in range(0, d, block):
        stop = min(start + block, d)
        columns = np.eye(d, stop - start, -start) if probes is None else probes[:, start:stop]
        matrix[:, start:stop] = operator @ columns
    return matrix if probes is None else matrix @ probes.T


def _leading_eigenvectors(matrix: np.ndarray, count: int) -> np.ndarray:
    """Eigenvectors (d, count) of the ``count`` largest absolute eigenvalues of a symmetric matrix."""
    if count >= len(matrix) - 1:
        values, vectors = np.linalg.eigh(matrix)
        return vectors[:, np.argsort(-np.abs(values), kind="stable")[:count]]
    start = np.random.default_rng(0).standard_normal(len(matrix))
    return scipy.sparse.linalg.eigsh(matrix, count, which="LM", v0=start)[1]


def decompose_lanczos(
    halves: tuple[MeanHessian, MeanHessian],
    count: int,
    seed: int,
    tolerance: float = 1e-3,
    block: int = 8,
    max_products: int = 1000,
) -> Eigenpairs:
    """The ``count`` largest and ``count`` smallest eigenpairs of the mean Hessian, which is never formed.

    Block Lanczos from a fixed start with full reorthogonalisation: a Rayleigh-Ritz approximation in the Krylov space
    of a random block. The products with every basis vector are kept, so asymmetry and residuals are measured and not
    assumed away, though the operator is neither linear nor symmetric.

    Source: G. H. Golub, R. Underwood, "The block Lanczos method for computing eigenvalues", 1977.

    Args:
        halves: the operator on two halves of the sample; the mean is over both.
        count: eigenpairs at either end.
        seed: of the starting block.
        tolerance: an eigenpair has converged when its residual, relative to the largest, is at most this.
        block: probes multiplied at once.
        max_products: products at most; then the flags tell what did not converge.

    Returns:
        2 ``count`` eigenpairs, positive end first.

    Cost:
        2 gradients a point and product; memory for 4 (d, products) float64 matrices.
    """
    d, points = halves[0].pixels, sum(half.points for half in halves)
    if 2 * count > d:
        raise CurvatureError(f"{count} eigenpairs at either end are more than the {d} that there are; use solver dense")
    weights = [half.points / points for half in halves]
    limit = min(max_products, d)
    start = np.random.default_rng(seed).standard_normal((d, min(block, limit)))
    q = np.linalg.qr(start)[0]
    basis, products = np.empty((d, 0)), [np.empty((d, 0)) for _ in halves]
    while True:
        basis = np.hstack([basis, q])
        products = [np.hstack([p, half @ q]) for p, half in zip(products, halves, strict=True)]
        image = sum(w * p for w, p in zip(weights, products, strict=True))
        if not np.isfinite(image).all():
            raise CurvatureError("the mean Hessian is not finite; are the network's weights, or the step too large?")
        projected = basis.T @ image  # (m, m)
        theta, s = scipy.linalg.eigh((projected + projected.T) / 2)
        m = len(theta)
        ends = np.r_[np.arange(m - 1, m - 1 - min(count, m), -1), np.arange(min(count, m) - 1, -1, -1)]
        vectors = basis @ s[:, ends]
        largest = np.abs(theta).max() or 1.0
        residuals = np.linalg.norm(image @ s[:, ends] - vectors * theta[ends], axis=0) / largest
        if m >= limit or (m >= 2 * count and (residuals <= tolerance).all()):
            break
        q = image[:, -q.shape[1] :][:, : limit - m]
        for _ in range(2):  # twice is enough for orthogonality to rounding
            q = q - basis @ (basis.T @ q)
            q = np.linalg.qr(q)[0]
    if m < 2 * count:
        raise CurvatureError(
            f"max_products={max_products} cannot give {count} eigenpairs at either end; allow at least {2 * count}"
        )

    half_spaces = []
    for product in products:
        small = basis.T @ product
        half_spaces.append(basis @ _leading_eigenvectors((small + small.T) / 2, min(count, 10)))
    quality = Quality(
        asymmetry=float(np.linalg.norm(projected - projected.T) / (np.linalg.norm(projected + projected.T) or 1.0)),
        residual=float(residuals.max()),
        overlap=subspace_overlap(*half_spaces),
        leading=min(count, 10),
        points=points,
        gradients=sum(half.num_gradients for half in halves),
    )
    return Eigenpairs(theta[ends], vectors, residuals, residuals <= tolerance, quality)
