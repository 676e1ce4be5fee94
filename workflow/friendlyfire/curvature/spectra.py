"""Mean curvature of a class boundary: eigenpairs of the mean Hessian, and their quality."""

from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
import torch

from friendlyfire.bases.basis import subspace_overlap
from friendlyfire.curvature.hessians import MeanHessian, PooledHessian
from friendlyfire.curvature.quality import Quality, SampledQuality, Stop
from friendlyfire.records.errors import CurvatureError


@dataclass
class Eigenpairs:
    """Eigenvalues in descending order, with eigenvectors as columns and the quality of both."""

    values: np.ndarray  #: (k,) float64, 1 / pixel^2 times logits
    vectors: np.ndarray  #: (d, k) float64
    residuals: np.ndarray  #: (k,) ||H v - theta v|| / max |theta|; NaN where not measured
    converged: np.ndarray = field(repr=False)  #: (k,) bool
    quality: Quality


def decompose_dense(
    halves: tuple[MeanHessian, MeanHessian],
    probes: np.ndarray | None = None,
    leading: int = 10,
    removed: np.ndarray | None = None,
) -> Eigenpairs:
    """Compute all eigenpairs of the mean Hessian, measured along an orthonormal basis and symmetrised.

    Args:
        halves: the operator on two halves of the sample; the mean is over both.
        probes: (d, d) orthonormal basis to probe along; None for the pixels. It affects the result.
        leading: number of leading directions in the quality record.
        removed: (d, k) orthonormal directions that the network does not see. The Hessian vanishes along them; by
            differences along other probes it does not, since they are not linear.

    Cost:
        2 (d + leading) gradients per point, and O(d^3).

    Raises:
        CurvatureError: the Hessian is not finite.
    """
    d, whole = halves[0].pixels, PooledHessian(*halves)
    measured = [products_along(half, probes) for half in halves]
    if probes is not None:
        measured = [products @ probes.T for products in measured]
    if removed is not None:
        measured = [matrix - (matrix @ removed) @ removed.T for matrix in measured]
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
    # Measured along the eigenvectors, not along the probes: this includes the effect of nonlinearity.
    residuals[foremost] = np.linalg.norm(whole @ v - v * values[foremost], axis=0) / largest
    symmetric_norm = np.linalg.norm(mean + mean.T) or 1.0
    sides = [(half + half.T) / 2 for half in measured]
    # A vanishing Hessian, such as a linear network's, has no leading directions.
    spaces = [_leading_eigenvectors(side, leading) for side in sides] if all(map(np.any, sides)) else None
    quality = Quality(
        asymmetry=float(np.linalg.norm(mean - mean.T) / symmetric_norm),
        residual=float(residuals[foremost].max()),
        overlap=subspace_overlap(*spaces) if spaces else np.nan,
        leading=leading,
        points=whole.points,
        gradients=whole.num_gradients,
    )
    return Eigenpairs(values, vectors, residuals, np.ones(d, dtype=bool), quality)


def products_along(operator: MeanHessian, probes: np.ndarray | None = None, block: int = 256) -> np.ndarray:
    """Return the products (d, d) of a mean Hessian with an orthonormal basis; for the pixels, its unsymmetrised matrix.

    Args:
        operator: the mean Hessian.
        probes: (d, d) orthonormal basis; None for the pixels.
        block: probes multiplied at once.

    Cost:
        2 d gradients per point.
    """
    d = operator.pixels
    products = np.empty((d, d))
    for start in range(0, d, block):
        stop = min(start + block, d)
        columns = np.eye(d, stop - start, -start) if probes is None else probes[:, start:stop]
        products[:, start:stop] = operator @ columns
    return products


def _leading_eigenvectors(matrix: np.ndarray, count: int, whole: bool = False) -> np.ndarray:
    """Return the eigenvectors (d, count) of the ``count`` largest absolute eigenvalues of a symmetric matrix.

    ARPACK is fast for large matrices but may not converge; ``whole`` selects the full decomposition.
    """
    if whole or count >= len(matrix) - 1:
        values, vectors = np.linalg.eigh(matrix)
        return vectors[:, np.argsort(-np.abs(values), kind="stable")[:count]]
    start = np.random.default_rng(0).standard_normal(len(matrix))
    return scipy.sparse.linalg.eigsh(matrix, count, which="LM", v0=start)[1]


def decompose_lanczos(
    halves: tuple[MeanHessian, MeanHessian],
    count: int,
    seed: int,
    tolerance: float = 1e-3,
    block: int = 2,
    max_products: int = 1000,
    noise: float = 0.1,
    removed: np.ndarray | None = None,
) -> Eigenpairs:
    """Compute the ``count`` largest and ``count`` smallest eigenpairs of the mean Hessian, without its matrix.

    Block Lanczos from a fixed start with full reorthogonalisation: a Rayleigh-Ritz approximation in the Krylov space
    of a random block. The products with all basis vectors are kept, so asymmetry and residuals are measured, although
    the operator is neither linear nor symmetric.

    It stops when more products no longer change what the sample can tell. H v is a mean over a sample of points, and
    the halves A and B of the sample give its standard error without further products: sqrt(n_A n_B) / n ||(A - B) v||.
    A Ritz vector v is exact but for the part of H v outside the Krylov space. Once that part is well below the standard
    error, v is an eigenvector of a matrix that the sample cannot tell from H. The rule compares lengths along the same
    v, not the directions of two halves, so a common start cannot fool it.

    Sources: G. H. Golub, R. Underwood, "The block Lanczos method for computing eigenvalues", 1977; the stop is
    V. A. Morozov's discrepancy principle, 1966: errors of computation below those of the data.

    Args:
        halves: the operator on two halves of the sample; the mean is over both.
        count: eigenpairs at each end.
        seed: seed of the starting block.
        tolerance: an eigenpair has converged if its residual, relative to the largest eigenvalue, is at most this.
        block: probes multiplied at once. A larger block fills larger batches, but needs more products to converge. An
            eigenvalue with a larger multiplicity may be found too few times.
        max_products: largest number of products; ``converged`` then flags the pairs that did not converge.
        noise: an eigenpair has also converged if the part of H v outside the Krylov space is at most this fraction of
            the standard error of H v; 0 for convergence to ``tolerance`` only. At 0.1 the leading vectors of 48 planted
            Hessians with noise overlapped with the true ones by at most 0.02 less than those at the tolerance.
        removed: as in :func:`decompose_dense`; the Krylov space has none of them.

    Returns:
        2 ``count`` eigenpairs, positive end first, and a :class:`SampledQuality`, which records why it stopped. Both
        halves use the same Krylov space; their overlap includes the part of each half's products outside of it.

    Cost:
        1 or 2 gradients per point and product; memory for 3 (d, products) float64 matrices.
    """
    d, points = halves[0].pixels, sum(half.points for half in halves)
    if 2 * count > d:
        raise CurvatureError(f"{count} eigenpairs at each end are too many for {d} dimensions; use solver dense")
    limit, weights = min(max_products, d), [half.points / points for half in halves]
    if limit < 2 * count:
        raise CurvatureError(
            f"max_products={max_products} is too small for {count} eigenpairs at each end; set at least {2 * count}"
        )
    # PyTorch does the linear algebra with the network's threads: NumPy's own threads would compete for the cores.
    # Columns are contiguous and use no memory before they are written. ``image`` is H Q, ``apart`` (A - B) Q.
    basis, image, apart = (torch.empty(limit, d, dtype=torch.float64).T for _ in range(3))
    projected, squared, spread = (torch.empty(limit, limit, dtype=torch.float64) for _ in range(3))
    random = np.random.default_rng(seed)
    start = random.standard_normal((d, min(block, limit)))
    q = torch.from_numpy(start if removed is None else start - removed @ (removed.T @ start))
    m, due = 0, 2 * count
    while True:
        for _ in range(2):  # twice is enough for orthogonality to rounding
            q = torch.linalg.qr(q - basis[:, :m] @ (basis[:, :m].T @ q)).Q
        new, m = slice(m, m + q.shape[1]), m + q.shape[1]
        first, second = (torch.from_numpy(half @ q.numpy()) for half in halves)
        basis[:, new], image[:, new], apart[:, new] = q, weights[0] * first + weights[1] * second, first - second
        if not image[:, new].isfinite().all():
            raise CurvatureError("the mean Hessian is not finite; are the network's weights, or the step too large?")
        projected[:m, new], projected[new, :m] = basis[:, :m].T @ image[:, new], q.T @ image[:, :m]
        for products, gram in ((image, squared), (apart, spread)):
            across = products[:, :m].T @ products[:, new]
            gram[:m, new], gram[new, :m] = across, across.T
        if m >= min(due, limit):
            due = 1.05 * m  # so that checks cost little compared with the products
            theta, s = torch.linalg.eigh((projected[:m, :m] + projected[:m, :m].T) / 2)
            ends = torch.cat([torch.arange(m).flip(0)[:count], torch.arange(m)[:count].flip(0)])
            theta, s = theta[ends], s[:, ends]
            largest = theta.abs().max().item() or 1.0
            lengths = (s * (squared[:m, :m] @ s)).sum(0)  # ||H v||^2
            # ||H v - theta v||^2 = v' H' H v - theta^2, as v' H v = theta.
            residuals = (lengths - theta**2).clamp(min=0).sqrt() / largest
            outside = (lengths - (projected[:m, :m] @ s).square().sum(0)).clamp(min=0).sqrt()
            errors = (weights[0] * weights[1] * (s * (spread[:m, :m] @ s)).sum(0)).clamp(min=0).sqrt()
            precise, settled = residuals <= tolerance, outside < noise * errors
            if m >= limit or (precise | settled).all():
                break
        q = image[:, new][:, : limit - m]
        # When the Krylov space is exhausted, continue with random directions: noise at the level of rounding errors.
        scale = squared.diagonal()[:m].max().sqrt() or 1.0
        q = q + 1e-13 * scale / d**0.5 * torch.from_numpy(random.standard_normal(q.shape))

    basis, image, apart, projected = basis[:, :m], image[:, :m], apart[:, :m], projected[:m, :m]
    vectors = basis @ s
    residuals = torch.linalg.norm(image @ s - vectors * theta, dim=0) / largest
    asymmetry = torch.linalg.norm(projected - projected.T) / (torch.linalg.norm(projected + projected.T).item() or 1.0)
    spaces = [_leading_in(basis, image + share * apart, min(count, 10)) for share in (weights[1], -weights[0])]
    reason = Stop.TOLERANCE if precise.all() else Stop.NOISE if (precise | settled).all() else Stop.LIMIT
    quality = SampledQuality(
        asymmetry=float(asymmetry),
        residual=float(residuals.max()),
        overlap=subspace_overlap(*spaces),
        leading=min(count, 10),
        points=points,
        gradients=sum(half.num_gradients for half in halves),
        products=m,
        standard_error=float(errors.max()) / largest,
        stopped=int(reason),
    )
    return Eigenpairs(theta.numpy(), vectors.numpy(), residuals.numpy(), (precise | settled).numpy(), quality)


def _leading_in(basis: torch.Tensor, products: torch.Tensor, count: int) -> np.ndarray:
    """Return the leading eigenvectors (d, count) of an operator, from its products with a basis (d, m).

    One power step is taken with the products at hand: it adds the part outside the span of the basis.
    """
    small = (basis.T @ products).numpy()
    inside = _leading_eigenvectors((small + small.T) / 2, count, whole=True)
    return torch.linalg.qr(products @ torch.from_numpy(inside)).Q.numpy()
