"""DeepFool: the smallest perturbation that changes a classification, by repeated linearisation of the network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from friendlyfire.attacks.refinement import beyond_rounding, refined, rounding, without_outward
from friendlyfire.attacks.statuses import Status
from friendlyfire.checks import (
    check_basis,
    check_blocks,
    check_bounds,
    check_differentiable,
    check_logits,
    check_targets,
)
from friendlyfire.devices import full_float32, images_at_once

ATTACKS = {
    "deepfool": {
        "make": "deepfool",
        "gives": "attack",
        "label": "DeepFool",
        "options": {
            "overshoot": {
                "default": 0.02,
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": "fraction by which the perturbation is lengthened to cross the boundary",
            },
            "max_iterations": {
                "default": 50,
                "type": "integer",
                "minimum": 1,
                "description": "linearisations after which an attack counts as not converged",
            },
            "candidates": {
                "default": 10,
                "type": "integer",
                "minimum": 2,
                "description": "number of highest-scoring classes to try, including the predicted one",
            },
            "refine": {
                "type": "integer",
                "minimum": 0,
                "maximum": 1000,
                "description": "steps towards the nearest boundary point after DeepFool's; none if it is absent",
            },
            "bounds": {
                "type": "array",
                "prefixItems": [{"type": "number", "maximum": 0}, {"type": "number", "minimum": 1}],
                "items": {"type": "number"},
                "minItems": 2,
                "maxItems": 2,
                "description": "smallest and largest pixel value of the perturbed images, such as [0, 1]; any if it is "
                "absent",
            },
        },
        "description": "DeepFool; also used for the boundary points of the curvature",
    },
}


#: Shortest step after the first :data:`PUBLISHED_STEPS`, as a fraction of the perturbation. Steps would shrink for ever
#: where clipping takes away the overshoot, or where the boundaries of three classes meet.
LEAST_STEP = 5e-4

#: Linearisations of the paper's reference code.
PUBLISHED_STEPS = 5


@dataclass
class Attack:
    """Perturbations of n images and their outcomes.

    ``perturbations`` (n, channels, height, width) end on the linearised boundary. Success is judged at
    ``images + (1 + overshoot) * perturbations``, see :attr:`overshot`, and means a class by more than the rounding
    errors of the logits. Units: pixels in [0, 1].
    """

    perturbations: Tensor
    sources: Tensor  #: (n,) predicted classes of the clean images
    reached: Tensor  #: (n,) predicted classes of the overshot images
    statuses: Tensor  #: (n,) :class:`Status`
    iterations: Tensor  #: (n,) number of linearisations
    overshoot: float

    def __getitem__(self, rows: slice) -> "Attack":
        """Return the attacks on some of the images."""
        columns = (self.perturbations, self.sources, self.reached, self.statuses, self.iterations)
        return Attack(*(column[rows] for column in columns), self.overshoot)

    @property
    def overshot(self) -> Tensor:
        """The perturbations that fool: (1 + overshoot) r."""
        return (1 + self.overshoot) * self.perturbations

    @property
    def converged(self) -> Tensor:
        """(n,) bool, whether each attack succeeded."""
        return self.statuses == Status.CONVERGED


@full_float32()
def deepfool(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    targets: Tensor | None = None,
    *,
    basis: Tensor | np.ndarray | None = None,
    blocks: Sequence[tuple[int, int]] | None = None,
    overshoot: float = 0.02,
    max_iterations: int = 50,
    candidates: int = 10,
    horizon: float = 1.5,
    refine: int = 0,
    bounds: tuple[float, float] | None = None,
    batch_size: int | None = None,
) -> Attack:
    r"""Compute DeepFool perturbations, untargeted or targeted, free or confined to a subspace.

    Each iteration linearises the margins :math:`f_k = F_k - F_{\hat c}` of the image perturbed so far, with gradients
    :math:`w_k`, and steps to the nearest linearised boundary, :math:`r = |f_k| w_k / \|w_k\|^2` for the ``k`` of least
    :math:`|f_k| / \|w_k\|`. Confined to a basis S, the gradients are projected before the class is chosen and before
    the step: :math:`S S^T w_k` replaces :math:`w_k`. A targeted attack approaches only ``k = target``, away from the
    class with the highest score at that point.

    Sources: S.-M. Moosavi-Dezfooli, A. Fawzi, P. Frossard, "DeepFool", CVPR 2016, algorithm 2; confinement: section
    4.3 of the paper; targets: its algorithm 1.

    DEPARTS from the reference code of the paper: up to ``max_iterations`` (there 5), and no failure is dropped. Steps
    after the fifth are at least :data:`LEAST_STEP` of the perturbation. After the first step only the classes within
    ``horizon`` are considered.

    Args:
        network: images (n, channels, height, width) to logits (n, classes), each image on its own.
        images: the clean images, pixels in [0, 1]; perturbed ones may leave that range, as in the paper.
        targets: (n,) target class of each image; None for any class but the predicted one.
        basis: (d, k) orthonormal columns whose span contains the perturbations, a tensor or an array; None for the
            whole space.
        blocks: ranges of consecutive columns of ``basis``, each the first column and the first beyond the last. Every
            image is attacked within each of them, in common batches; None for all columns.
        overshoot: fraction by which the total perturbation is lengthened before it is judged.
        max_iterations: largest number of linearisations.
        candidates: for untargeted attacks, number of the clean image's highest-scoring classes to consider, including
            its own.
        horizon: the first step considers all classes. Later steps consider a class if its boundary is at most
            ``horizon`` times as far as the nearest, estimated from its margin and the last length of its gradient;
            infinity for the published algorithm.
        refine: number of steps towards the nearest boundary point that follow (:func:`.refined`). No perturbation is
            longer than without them, and attacks that did not converge may. The perturbations end on the boundary
            itself; choose a small overshoot, such as 0.001, for the shortest ones that fool.
        bounds: smallest and largest pixel value of the overshot images, which are clipped after each step; None for
            any. With a basis, they are images with a perturbation in its span, clipped: the perturbation leaves the
            span in pixels at a bound, and a pixel that would be clipped does not count in the gradients.
        batch_size: images that pass through the network at once (:func:`images_at_once`). It changes the speed, and the
            result by rounding only.

    Returns:
        An :class:`Attack`; the images keep their order. With ``blocks``: of all images in the first block, then of all
        in the second, and so on.

    Raises:
        ValueError: the network is in training mode or returns probabilities, the pixels are far outside [0, 1], there
            are fewer than two candidates, ``refine`` or ``overshoot`` is negative, ``bounds`` are not two ascending
            numbers with the images between them, the basis is not orthonormal, torch is in inference mode, or a type,
            shape or dtype is wrong.

    Cost:
        Per image, block and iteration, two forward passes and one backward pass per class considered (targeted: one).
        The first iterations of all blocks share their backward passes. Per image, block and refining step, one forward
        and one backward pass.
    """
    check_differentiable(network, images)
    if candidates < 2:
        raise ValueError(f"candidates={candidates}: the predicted class and at least one other are needed")
    if refine < 0:
        raise ValueError(f"refine={refine}: a number of steps is expected, 0 for none")
    if overshoot < 0:
        raise ValueError(f"overshoot={overshoot}: a fraction of the perturbation is expected, such as 0.02")
    if bounds is not None:
        check_bounds(bounds, images)
    if basis is not None:
        check_basis(basis, images.shape[1:].numel())
    if blocks is not None:
        check_blocks(blocks, 0 if basis is None else basis.shape[1])
    images, batch_size = images.detach(), batch_size or images_at_once(network, images)
    if basis is not None:
        basis = (basis if isinstance(basis, Tensor) else torch.from_numpy(np.ascontiguousarray(basis))).to(images)
    n, copies = len(images), 1 if blocks is None else len(blocks)

    # Row i is image i % n in block i // n.
    parts = images.split(batch_size)
    given = [_logits(network, batch) for batch in parts]
    for logits, batch in zip(given, parts, strict=True):
        check_logits(logits, len(batch))
    logits = torch.cat(given).repeat(copies, 1)
    sources = logits.argmax(1)
    if targets is None:
        approached = logits.topk(min(candidates, logits.shape[1]), 1).indices[:, 1:]
    else:
        check_targets(targets, n, logits.shape[1])
        targets = targets.to(images.device, torch.long).repeat(copies)
        approached = targets[:, None]
    classes = sources if targets is None else targets
    lengths = images.new_full(approached.shape, torch.inf)  # of the gradients, when last computed
    perturbations = images.new_zeros(copies * n, *images.shape[1:])
    reached = sources.clone()
    statuses = torch.full((copies * n,), Status.NOT_CONVERGED, device=images.device)
    iterations = torch.zeros(copies * n, dtype=torch.long, device=images.device)
    if targets is not None:
        statuses[sources == targets] = Status.ALREADY_THERE
    statuses[~logits.isfinite().all(1)] = Status.NON_FINITE

    for iteration in range(max_iterations):
        active = (statuses == Status.NOT_CONVERGED).nonzero().squeeze(1)  # finished images leave
        if not len(active):
            break
        leave = classes[active]
        if targets is not None:
            leave = logits[active].scatter(1, leave[:, None], -torch.inf).argmax(1)
        # At first all classes have distance 0 and are considered.
        away = _margins(logits[active], approached[active], leave).abs() / lengths[active]
        away, order = away.sort(dim=1, stable=True)
        near = away <= min(horizon, 1e30) * away[:, :1]  # infinity times 0 is NaN
        near[:, 0] = True
        if iteration == 0:  # the copies of an image have the same gradients
            rows = torch.arange(len(active), device=images.device).reshape(copies, -1)
            batches = [(share, copy == 0) for part in rows.split(batch_size, 1) for copy, share in enumerate(part)]
        else:
            # A batch computes as many gradients as its most demanding image, so images with equal demand share a batch.
            batches = [(share, True) for share in near.sum(1).argsort(stable=True).split(batch_size)]
        for share, fresh in batches:
            part, width = active[share], near[share].sum(1).max()
            columns, within = order[share, :width], near[share, :width]
            others, before = approached[part].gather(1, columns), lengths[part].gather(1, columns)
            if fresh:
                perturbed = images[part % n] + (1 + overshoot) * perturbations[part]
                found = _differentiated(network, perturbed, leave[share], others, bounds, basis is not None)
            own = None if blocks is None else part // n
            step, seen, state = _step(*found, leave[share], others, within, basis, blocks, own)
            lengths[part] = lengths[part].scatter(1, columns, torch.where(within, seen, before))
            # If the nearest classes have no gradient left, the next iteration considers the others.
            state[(state == Status.ZERO_GRADIENT) & ~near[share].all(1)] = Status.NOT_CONVERGED
            if iteration >= PUBLISHED_STEPS:
                step = _lengthened(step, LEAST_STEP * perturbations[part].flatten(1).norm(dim=1))
            clean, moved = images[part % n], perturbations[part] + step.reshape(-1, *images.shape[1:])
            shown = _clipped(clean, moved, overshoot, bounds)
            # Confined, the next step starts in the span, and not where clipping led out of it.
            perturbations[part] = shown if basis is None else moved
            iterations[part] += 1
            logits[part] = _logits(network, clean + (1 + overshoot) * shown)
            reached[part] = logits[part].argmax(1)
            there = beyond_rounding(logits[part], classes[part], targets is not None) > 0
            state[(state == Status.NOT_CONVERGED) & there] = Status.CONVERGED
            state[~logits[part].isfinite().all(1)] = Status.NON_FINITE
            statuses[part] = state
    clipped = _clipped(images, perturbations.reshape(copies, *images.shape), overshoot, bounds).flatten(0, 1)
    attack = Attack(clipped, sources, reached, statuses, iterations, overshoot)
    if not refine:
        return attack
    ended = attack.converged | (statuses == Status.NOT_CONVERGED)
    for copy, (first, beyond) in enumerate(blocks or [(0, None)]):
        span = None if basis is None else basis[:, first:beyond]
        rows = ended[copy * n : (copy + 1) * n].nonzero().squeeze(1) + copy * n
        for part in rows.split(batch_size) if len(rows) else ():
            options = {"targeted": targets is not None, "steps": refine, "basis": span, "bounds": bounds}
            _refine(attack, part, network, images[part % n], perturbations[part], classes[part], **options)
    return attack


def _refine(
    attack: Attack,
    part: Tensor,
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    perturbations: Tensor,
    classes: Tensor,
    *,
    targeted: bool,
    steps: int,
    basis: Tensor | None,
    bounds: tuple[float, float] | None,
) -> None:
    """Replace the perturbations of the images at ``part`` by refined ones, where these fool and are shorter."""
    options = {"targeted": targeted, "steps": steps, "overshoot": attack.overshoot, "basis": basis, "bounds": bounds}
    found, fools = refined(network, images, perturbations, classes, **options)
    found = _clipped(images, found, attack.overshoot, bounds)
    logits = _logits(network, images + (1 + attack.overshoot) * found)
    reached = logits.argmax(1)
    fools &= beyond_rounding(logits, classes, targeted) > 0
    before, after = (r.flatten(1).norm(dim=1) for r in (attack.perturbations[part], found))
    better = fools & ((after < before) | ~attack.converged[part])
    attack.iterations[part] += steps
    part = part[better]
    attack.perturbations[part], attack.reached[part] = found[better], reached[better]
    attack.statuses[part] = Status.CONVERGED


def _clipped(images: Tensor, perturbations: Tensor, overshoot: float, bounds: tuple[float, float] | None) -> Tensor:
    """Return perturbations whose overshot images lie inside the bounds."""
    if bounds is None:
        return perturbations
    return ((images + (1 + overshoot) * perturbations).clamp(*bounds) - images) / (1 + overshoot)


def _lengthened(steps: Tensor, least: Tensor) -> Tensor:
    """Return steps (n, d) that are no shorter than ``least`` (n,), unless they are 0."""
    lengths = steps.norm(dim=1)
    return steps * torch.where(lengths > 0, (least / lengths).clamp(min=1), 1.0)[:, None]


@torch.no_grad()
def _logits(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    return network(images)


def _margins(logits: Tensor, others: Tensor, leave: Tensor) -> Tensor:
    """Return F_k - F_leave for each class k of ``others`` (n, m)."""
    return logits.gather(1, others) - logits.gather(1, leave[:, None])


def _differentiated(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    leave: Tensor,
    others: Tensor,
    bounds: tuple[float, float] | None,
    confined: bool,
) -> tuple[Tensor, Tensor]:
    """Return the logits (n, classes) and the gradients (n, m, d) of the margins with the classes ``others`` (n, m)."""
    n, m = others.shape
    points = (images if bounds is None else images.clamp(*bounds)).requires_grad_(True)
    with torch.enable_grad():
        logits = network(points)  # One forward pass serves the gradients of all margins.
    gradients = images.new_empty(n, m, images[0].numel())
    for k in range(m):
        difference = torch.zeros_like(logits).scatter_(1, others[:, k : k + 1], 1.0)
        difference.scatter_add_(1, leave[:, None], -torch.ones_like(leave[:, None], dtype=difference.dtype))
        (gradient,) = torch.autograd.grad(logits, points, difference, retain_graph=k < m - 1)
        if bounds is not None and confined:
            gradient = without_outward(gradient, images, bounds)
        gradients[:, k] = gradient.flatten(1)
    return logits.detach(), gradients


def _step(
    logits: Tensor,
    gradients: Tensor,
    leave: Tensor,
    others: Tensor,
    near: Tensor,
    basis: Tensor | None,
    blocks: Sequence[tuple[int, int]] | None,
    own: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Step each image to its nearest linearised boundary with those ``others`` (n, m) that are ``near``.

    Returns:
        The steps (n, d), the lengths (n, m) of the gradients, and NOT_CONVERGED or the reason for no step.
    """
    margins = _margins(logits, others, leave)
    norms = gradients.norm(dim=2)
    smallest = torch.zeros_like(norms)
    if basis is not None:
        # A projection at the level of the gradient's rounding errors is meaningless.
        smallest = norms * torch.finfo(norms.dtype).eps * basis.shape[0] ** 0.5
        gradients = _coordinates(gradients, basis, blocks, own)  # (n, m, k), where norms are the same
        norms = gradients.norm(dim=2)
    norms = torch.where(norms > smallest, norms, 0.0)
    finite = margins.isfinite() & norms.isfinite()
    # A margin at the level of rounding errors is replaced by more: the step shall cross the boundary beyond them.
    margins = margins.abs().maximum(2 * rounding(logits))
    distances = torch.where(finite & near & (norms > 0), margins / norms, torch.inf)
    nearest = distances.argmin(1, keepdim=True)  # (n, 1)
    distance, norm = distances.gather(1, nearest), norms.gather(1, nearest)
    direction = gradients.gather(1, nearest[:, :, None].expand(-1, -1, gradients.shape[2])).squeeze(1)
    stuck = distance.isinf()
    step = torch.where(stuck, 0.0, distance / norm * direction)
    if basis is not None:
        step = _pixels(step, basis, blocks, own)
    state = torch.where(stuck.squeeze(1), Status.ZERO_GRADIENT, Status.NOT_CONVERGED)
    state = torch.where((finite | ~near).all(1), state, Status.NON_FINITE)
    return step, norms, state


def _coordinates(
    vectors: Tensor, basis: Tensor, blocks: Sequence[tuple[int, int]] | None, own: Tensor | None
) -> Tensor:
    """Return the coordinates (n, m, k) of vectors (n, m, d) in a basis, or in the block of number ``own`` (n,).

    Coordinates in a block that is shorter than others end with zeros.
    """
    if blocks is None:
        return vectors @ basis
    found = vectors.new_zeros(*vectors.shape[:2], max(beyond - first for first, beyond in blocks))
    for rows, first, beyond in _by_block(blocks, own):
        found[rows, :, : beyond - first] = vectors[rows] @ basis[:, first:beyond]
    return found


def _pixels(coordinates: Tensor, basis: Tensor, blocks: Sequence[tuple[int, int]] | None, own: Tensor | None) -> Tensor:
    """Return the vectors (n, d) of coordinates (n, k), the inverse of :func:`_coordinates`."""
    if blocks is None:
        return coordinates @ basis.T
    found = coordinates.new_empty(len(coordinates), len(basis))
    for rows, first, beyond in _by_block(blocks, own):
        found[rows] = coordinates[rows, : beyond - first] @ basis[:, first:beyond].T
    return found


def _by_block(blocks: Sequence[tuple[int, int]], own: Tensor) -> Iterator[tuple[Tensor, int, int]]:
    """Yield the rows with the same block, and this block."""
    for number in own.unique().tolist():
        yield (own == number).nonzero().squeeze(1), *blocks[number]
