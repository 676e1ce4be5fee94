"""Boundary points -> nearer boundary points: the refinement of DeepFool's perturbations."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: Rounding of a network's logits, in units of the last place of the largest.
ROUNDING = 16

#: Lengths, as multiples of a direction's estimated distance, between which its boundary point is searched.
BRACKET = (0.9, 1.05)

#: Forward passes of that search.
SECANTS = 3

#: Newton steps towards the nearest point of a hyperplane in a box; the error of the step's length is second-order.
BOX_STEPS = 12


@dataclass(frozen=True)
class Surroundings:
    """Where perturbed images may lie. A perturbation's coordinates (n, k) are those in the basis, or its pixels."""

    images: Tensor  #: (n, channels, height, width), the clean images
    basis: Tensor | None  #: (d, k), orthonormal columns; None for the whole space
    bounds: tuple[float, float] | None  #: smallest and largest pixel value; None for any

    def coordinates(self, perturbations: Tensor) -> Tensor:
        """Return the coordinates of perturbations (n, channels, height, width)."""
        flat = perturbations.flatten(1)
        return flat if self.basis is None else flat @ self.basis

    def perturbed(self, coordinates: Tensor) -> Tensor:
        """Return the perturbed images, clipped to the bounds."""
        points = self._unclipped(coordinates)
        return points if self.bounds is None else points.clamp(*self.bounds)

    def gradients(self, gradients: Tensor, coordinates: Tensor) -> Tensor:
        """Return gradients with respect to the coordinates from those with respect to the perturbed images.

        In a basis, pixels that are clipped, or at a bound that the gradient leads across, do not count. Without one
        they do: :meth:`foot` clips each pixel on its own.
        """
        if self.basis is None:
            return gradients.flatten(1)
        if self.bounds is not None:
            gradients = without_outward(gradients, self._unclipped(coordinates), self.bounds)
        return gradients.flatten(1) @ self.basis

    def foot(self, gradients: Tensor, rise: Tensor) -> Tensor:
        """Return the smallest coordinates a (n, k) with gradients . a = rise, clipped to the bounds without a basis."""
        norms = (gradients * gradients).sum(1)
        scale = torch.where(norms > 0, rise / norms, 0.0)[:, None]
        if self.basis is not None or self.bounds is None:
            return scale * gradients
        # The smallest point of a hyperplane in a box is clip(scale * gradient); its product with the gradient is
        # concave and piecewise linear in the scale, so that Newton's method rises to the solution.
        low, high = (bound - self.images.flatten(1) for bound in self.bounds)
        for _ in range(BOX_STEPS):
            clipped = (scale * gradients).clamp(low, high)
            free = (gradients.square() * (clipped == scale * gradients)).sum(1)
            lacking = rise - (gradients * clipped).sum(1)
            scale = scale + torch.where(free > 0, lacking / free, 0.0)[:, None]
        return (scale * gradients).clamp(low, high)

    def _unclipped(self, coordinates: Tensor) -> Tensor:
        flat = coordinates if self.basis is None else coordinates @ self.basis.T
        return self.images + flat.reshape(self.images.shape)


def rounding(logits: Tensor) -> Tensor:
    """Return the size (n, 1) of the rounding errors of logits (n, classes)."""
    return ROUNDING * torch.finfo(logits.dtype).eps * logits.abs().amax(1, keepdim=True)


def beyond_rounding(logits: Tensor, classes: Tensor, targeted: bool) -> Tensor:
    """Return by how much images (n,) are beyond the boundary of ``classes``, less the rounding errors.

    Args:
        logits: (n, classes).
        classes: (n,) classes to leave, or to reach if ``targeted``.
    """
    return _beyond(logits, classes, targeted) - rounding(logits).squeeze(1)


def without_outward(gradients: Tensor, points: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Return the gradients without the pixels beyond the bounds, or at a bound that the gradient leads across."""
    low, high = bounds
    outward = ((points <= low) & (gradients < 0)) | ((points >= high) & (gradients > 0))
    return gradients.masked_fill(outward | (points < low) | (points > high), 0.0)


def refined(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    perturbations: Tensor,
    classes: Tensor,
    *,
    targeted: bool,
    steps: int,
    overshoot: float,
    basis: Tensor | None = None,
    bounds: tuple[float, float] | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Move perturbations that end near a decision boundary towards the point of it that is nearest to the image.

    Each step linearises the margin between the class of the image and the highest other one at the perturbed image,
    and moves towards the point of the linearised boundary nearest to the *clean* image,
    :math:`r' = (w^T r - f) w / \|w\|^2`: at the nearest boundary point, the perturbation is parallel to the gradient.
    Last, the boundary is searched along the direction whose estimated distance is the smallest.

    Source: A. Abdolahpourrostam, M. Abroshan, S.-M. Moosavi-Dezfooli, "Revisiting DeepFool: generalization and
    improvement", 2023, which projects onto the gradient between runs of DeepFool.

    DEPARTS from it: step k goes the fraction 2 / (k + 2) of the way. Whole steps jump to and fro between the pieces of
    a piecewise linear network.

    Args:
        network: images (n, channels, height, width) to logits (n, classes).
        images: the clean images.
        perturbations: perturbations that end near a boundary, in the span of the basis, clipped or not.
        classes: (n,) classes to leave, or to reach if ``targeted``.
        targeted: whether ``classes`` are targets.
        steps: number of steps.
        overshoot: fraction by which the perturbations will be lengthened before they are judged.
        basis: (d, k) orthonormal columns; None for the whole space.
        bounds: smallest and largest pixel value of the perturbed images; None for any.

    Returns:
        Perturbations, unclipped, and (n,) bool, whether each boundary was found; those of the others are of no use.

    Cost:
        One forward and one backward pass per image and step, and six forward passes more.
    """
    around = Surroundings(images, basis, bounds)
    at = around.coordinates(perturbations)
    best, shortest = at, at.new_full((len(at),), torch.inf)
    for k in range(steps):
        points = around.perturbed(at).requires_grad_(True)
        with torch.enable_grad():
            margins = _beyond(network(points), classes, targeted)
        (slopes,) = torch.autograd.grad(margins.sum(), points)
        margins, slopes = margins.detach(), around.gradients(slopes, at)
        along = (slopes * at).sum(1)
        # The ray through the perturbation crosses the linearised boundary at this multiple of it.
        ends = (1 - margins / along)[:, None] * at
        lengths = (around.perturbed(ends) - images).flatten(1).norm(dim=1)
        shorter = (along > 0) & (margins.abs() < along / 2) & (lengths < shortest)
        best, shortest = torch.where(shorter[:, None], ends, best), torch.where(shorter, lengths, shortest)
        step = 2 / (k + 2) * (around.foot(slopes, (along - margins).clamp(min=0)) - at)
        at = torch.where(step.isfinite().all(1)[:, None], at + step, at)
    ends, crossed = _crossings(network, around, best, classes, targeted, overshoot)
    ends = ends if basis is None else ends @ basis.T
    return ends.reshape(images.shape), crossed & shortest.isfinite()


@torch.no_grad()
def _crossings(
    network: Callable[[Tensor], Tensor],
    around: Surroundings,
    directions: Tensor,
    classes: Tensor,
    targeted: bool,
    overshoot: float,
) -> tuple[Tensor, Tensor]:
    """Return the multiple of each direction (n, k) that is on the boundary, and whether the boundary was found."""

    def beyond(scale: Tensor) -> Tensor:
        return beyond_rounding(network(around.perturbed(scale[:, None] * directions)), classes, targeted)

    low, high = (directions.new_full((len(directions),), end) for end in BRACKET)
    below, above = beyond(low), beyond(high)
    crossed = above > 0
    for _ in range(SECANTS):  # the Illinois method
        root = (low * above - high * below) / (above - below)
        root = torch.where((root > low) & (root < high), root, (low + high) / 2)
        found = beyond(root)
        over = found > 0
        below, above = torch.where(over, below / 2, found), torch.where(over, found, above / 2)
        low, high = torch.where(over, low, root), torch.where(over, root, high)
    # The far end of the bracket crosses the boundary, and the last root does so with the overshoot, or is not used.
    ends = torch.where(beyond((1 + overshoot) * root) > 0, root, high)
    return ends[:, None] * directions, crossed


def _beyond(logits: Tensor, classes: Tensor, targeted: bool) -> Tensor:
    """Return by how much the highest other class exceeds ``classes`` (n,), or these the highest other if targeted."""
    own = logits.gather(1, classes[:, None]).squeeze(1)
    other = logits.scatter(1, classes[:, None], -torch.inf).max(1).values
    return own - other if targeted else other - own
