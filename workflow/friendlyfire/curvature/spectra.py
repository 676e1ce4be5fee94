"""Mean curvature of a class boundary: eigenpairs of the mean Hessian, and their quality."""

from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
import torch

from friendlyfire.bases.basis import subspace_overlap
from friendlyfire.curvature.hessians import MeanHessian, PooledHessian
from friendlyfire.curvature.quality import Quality
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
) -> Eigenpairs:
    """Compute all eigenpairs of the mean Hessian, measured along an orthonormal basis and symmetrised.

    Args:
        halves: the operator on two halves of the sample; the mean is over both.
        probes: (d, d) orthonormal basis to probe along; None for the pixels. It affects the result.
        leading: number of leading directions in the quality record.

    Cost:
        2 (d + leading) gradients per point, and O(d^3).

    Raises:
        CurvatureError: the Hessian is not finite.
    """
    d, whole = halves[0].pixels, PooledHessian(*halves)
    measured = [products_along(half, probes) for half in halves]
    if probes is not None:
        measured = [products @ probes.T for products in measured]
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
) -> Eigenpairs:
    """Compute the ``count`` largest and ``count`` smallest eigenpairs of the mean Hessian, without its matrix.

    Block Lanczos from a fixed start with full reorthogonalisation: a Rayleigh-Ritz approximation in the Krylov space
    of a random block. The products with all basis vectors are kept, so asymmetry and residuals are measured, although
    the operator is neither linear nor symmetric.

    Source: G. H. Golub, R. Underwood, "The block Lanczos method for computing eigenvalues", 1977.

    Args:
        halves: the operator on two halves of the sample; the mean is over both.
        count: eigenpairs at each end.
        seed: seed of the starting block.
        tolerance: an eigenpair has converged if its residual, relative to the largest eigenvalue, is at most this.
        block: probes multiplied at once. A larger block fills larger batches, but needs more products to converge. An
            eigenvalue with a larger multiplicity may be found too few times.
        max_products: largest number of products; ``converged`` then flags the pairs that did not converge.

    Returns:
        2 ``count`` eigenpairs, positive end first. Both halves use the same Krylov space, which needs no extra
        products but makes their overlap slightly too large (0.94 instead of 0.93 on a smooth LeNet).

    Cost:
        2 gradients per point and product; memory for 4 (d, products) float64 matrices.
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
    # Columns are contiguous and use no memory before they are written.
    basis, image, *products = (torch.empty(limit, d, dtype=torch.float64).T for _ in range(2 + len(halves)))
    projected, squared = (torch.empty(limit, limit, dtype=torch.float64) for _ in range(2))  # Q' H Q, (H Q)' H Q
    random = np.random.default_rng(seed)
    q = torch.from_numpy(random.standard_normal((d, min(block, limit))))
    m, due = 0, 2 * count
    while True:
        for _ in range(2):  # twice is enough for orthogonality to rounding
            q = torch.linalg.qr(q - basis[:, :m] @ (basis[:, :m].T @ q)).Q
        new, m = slice(m, m + q.shape[1]), m + q.shape[1]
        basis[:, new], image[:, new] = q, 0
        for half, weight, product in zip(halves, weights, products, strict=True):
            product[:, new] = torch.from_numpy(half @ q.numpy())
            image[:, new] += weight * product[:, new]
        if not image[:, new].isfinite().all():
            raise CurvatureError("the mean Hessian is not finite; are the network's weights, or the step too large?")
        projected[:m, new], projected[new, :m] = basis[:, :m].T @ image[:, new], q.T @ image[:, :m]
        across = image[:, :m].T @ image[:, new]
        squared[:m, new], squared[new, :m] = across, across.T
        if m >= min(due, limit):
            due = 1.05 * m  # so that checks cost little compared with the products
            theta, s = torch.linalg.eigh((projected[:m, :m] + projected[:m, :m].T) / 2)
            ends = torch.cat([torch.arange(m).flip(0)[:count], torch.arange(m)[:count].flip(0)])
            theta, s = theta[ends], s[:, ends]
            largest = theta.abs().max().item() or 1.0
            # ||H v - theta v||^2 = v' H' H v - theta^2, as v' H v = theta.
            residuals = ((s * (squared[:m, :m] @ s)).sum(0) - theta**2).clamp(min=0).sqrt() / largest
            if m >= limit or (residuals <= tolerance).all():
                break
        q = image[:, new][:, : limit - m]
        # When the Krylov space is exhausted, continue with random directions: noise at the level of rounding errors.
        scale = squared.diagonal()[:m].max().sqrt() or 1.0
        q = q + 1e-13 * scale / d**0.5 * torch.from_numpy(random.standard_normal(q.shape))

    basis, image, projected = basis[:, :m], image[:, :m], projected[:m, :m]
    vectors = (basis @ s).numpy()
    residuals = torch.linalg.norm(image @ s - (basis @ s) * theta, dim=0).numpy() / largest
    half_spaces = []
    for product in products:
        small = (basis.T @ product[:, :m]).numpy()
        half_spaces.append(basis.numpy() @ _leading_eigenvectors((small + small.T) / 2, min(count, 10), whole=True))
    asymmetry = torch.linalg.norm(projected - projected.T) / (torch.linalg.norm(projected + projected.T).item() or 1.0)
    quality = Quality(
        asymmetry=float(asymmetry),
        residual=float(residuals.max()),
        overlap=subspace_overlap(*half_spaces),
        leading=min(count, 10),
        points=points,
        gradients=sum(half.num_gradients for half in halves),
    )
    return Eigenpairs(theta.numpy(), vectors, residuals, residuals <= tolerance, quality)
