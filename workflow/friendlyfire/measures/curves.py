"""Class scores as functions of the movement along one direction of image space (section 4.1, figures 1 and 2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from friendlyfire.devices import full_float32, images_at_once
from friendlyfire.records.intervals import jackknife_interval


@full_float32()
@torch.no_grad()
def scores_along(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    direction: Tensor,
    steps: Tensor,
    *,
    anchored: bool = False,
    batch_size: int | None = None,
) -> np.ndarray:
    r"""Class scores :math:`\tilde F_c(s | i_n, d)` of every image moved to every point along a direction.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits (n, classes).
        images: where the movement starts; pixels may leave [0, 1] on the way, as in the paper.
        direction: (channels, height, width), of unit norm.
        steps: (s,) in pixels.
        anchored: move every image's component along the direction *to* each step instead of *by* it, so that the
            columns of the result share one component and its rows one remainder.
        batch_size: images that pass through the network at once, but at least all steps of one.

    Returns:
        (n, s, classes) float64.
    """
    flat = direction.flatten()
    starts = images - (images.flatten(1) @ flat)[:, None, None, None] * direction if anchored else images
    shifts = steps[:, None, None, None] * direction  # (s, channels, height, width)
    found = []
    for part in starts.split(max(1, (batch_size or images_at_once(network, images)) // len(steps))):
        moved = (part[:, None] + shifts).flatten(0, 1)
        found.append(network(moved).reshape(len(part), len(steps), -1))
    return torch.cat(found).double().cpu().numpy()


#: Range of a curve, as a fraction of its largest absolute score, that rounding in float32 alone can give.
ROUNDING = 1e-5


@dataclass
class Form:
    """What the paper says of the curves in words, for each image whose curve moves, as numbers in [0, 1].

    Even noise is somewhat symmetric about the best of many centres, so each number has a floor beside it: its mean over
    the same curves with their steps permuted. A sine is symmetric too, about a crest; what is symmetric and not
    monotonic on either side is not what the paper means.
    """

    centre: float  #: s_0, the best point of symmetry that all images share, in the units of the steps
    symmetry: np.ndarray  #: (m,) share of a curve's variance that is even about s_0
    monotonicity: np.ndarray  #: (m,) net change of a curve on either side of s_0, as a fraction of its total variation
    symmetry_floor: float
    monotonicity_floor: float


def curve_form(curves: np.ndarray, steps: np.ndarray, rng: np.random.Generator, permutations: int = 20) -> Form:
    """Symmetry about the best common point, and monotonicity on either side of it.

    The paper (section 1) observes F(s - s_0) = F(-s - s_0), approximately, and monotonic half-lines. s_0 is the step,
    among those in the middle half of the range, about which the curves are most even.

    Args:
        curves: (n, s) scores of one class. Those that do not move beyond rounding have no form and are left out.
        steps: (s,) evenly spaced, ascending.
        rng: of the permutations of the steps.
        permutations: of every curve, that the floors are means over.

    Returns:
        A :class:`Form`; of fewer than two curves that move, one of NaN and of no image.
    """
    moving = curves[np.ptp(curves, axis=1) > ROUNDING * np.abs(curves).max(1)]
    if len(moving) < 2:
        return Form(np.nan, np.empty(0), np.empty(0), np.nan, np.nan)
    centre, symmetry, monotonicity = _form(moving)
    permuted = [_form(rng.permuted(moving, axis=1))[1:] for _ in range(permutations)]
    floors = np.mean(permuted, axis=(0, 2))
    return Form(float(steps[centre]), symmetry, monotonicity, *map(float, floors))


def _form(curves: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """The step that is the best centre, and symmetry and monotonicity (n,) about it."""
    count = curves.shape[1]
    candidates = range(count // 4, count - count // 4)
    shares = [_even_share(curves, centre) for centre in candidates]
    best = int(np.argmax([share.mean() for share in shares]))
    centre = candidates[best]
    net = np.abs(curves[:, centre] - curves[:, 0]) + np.abs(curves[:, -1] - curves[:, centre])
    return centre, shares[best], net / np.abs(np.diff(curves, axis=1)).sum(1)


def _even_share(curves: np.ndarray, centre: int) -> np.ndarray:
    """Share (n,) of each curve's variance that is even about the step ``centre``, in the widest window about it."""
    reach = min(centre, curves.shape[1] - 1 - centre)
    window = curves[:, centre - reach : centre + reach + 1]
    odd = (window - window[:, ::-1]) / 2
    variance = np.square(window - window.mean(1, keepdims=True)).sum(1)
    return np.where(variance > 0, 1 - np.square(odd).sum(1) / np.where(variance > 0, variance, 1), 1.0)


@dataclass
class Separability:
    """How far F_c(i) = G(i^d) + H(the rest) holds on a grid (section 1), each number with its 95 % interval."""

    additive: float  #: share of the variance of the grid that the sum explains, in [0, 1]
    additive_interval: tuple[float, float]
    additive_floor: float  #: the same share of a grid of exchangeable entries, on average
    interaction: float  #: share of what is not additive in all that the direction explains: 0 if separable, 1 in noise
    interaction_interval: tuple[float, float]


def separability(scores: np.ndarray) -> Separability:
    """Additive separability of a grid of scores.

    The grid holds F_c of images whose component along d is set to each of several values (``scores_along`` with
    ``anchored``). Most of its variance is between images, H, and is explained by any sum, so the interaction is also
    held against what the direction alone explains, G.

    Args:
        scores: (n, s).

    Returns:
        NaN everywhere for a grid that does not move beyond rounding.
    """
    n, s = scores.shape
    floor = ((n - 1) + (s - 1)) / (n * s - 1)
    if np.ptp(scores, axis=1).max() <= ROUNDING * np.abs(scores).max():
        nothing = (np.nan, np.nan)
        return Separability(np.nan, nothing, floor, np.nan, nothing)
    whole = additive_and_interaction(scores)
    without = np.array([additive_and_interaction(np.delete(scores, image, 0)) for image in range(n)]).T
    intervals = [jackknife_interval(*pair) for pair in zip(whole, without, strict=True)]
    return Separability(whole[0], intervals[0], floor, whole[1], intervals[1])


def additive_and_interaction(scores: np.ndarray) -> tuple[float, float]:
    """Shares of the additive part in the variance of a grid (n, s), and of the interaction in what its columns explain.

    Those of an analysis of variance by two factors without repetition: SS_columns + SS_rows over SS_total, and
    SS_interaction over SS_columns + SS_interaction.
    """
    centred = scores - scores.mean()
    columns, rows = centred.mean(0, keepdims=True), centred.mean(1, keepdims=True)
    interaction, total = np.square(centred - columns - rows).sum(), np.square(centred).sum()
    direction = len(scores) * np.square(columns).sum() + interaction
    return float(1 - interaction / total), float(interaction / direction) if direction > 0 else 0.0
