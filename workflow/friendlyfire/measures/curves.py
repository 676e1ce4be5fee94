"""Class scores as functions of the movement along one direction of image space (section 4.1, figures 1 and 2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from friendlyfire.devices import full_float32, images_at_once
from friendlyfire.records.intervals import jackknife_interval


def movement(pixels: Tensor, mean: Tensor, extent: float, steps: int) -> Tensor:
    """Return the steps (s,) of a movement to either side, whose length is a multiple of the images' mean norm.

    Args:
        pixels: images (n, channels, height, width).
        mean: their mean image.
        extent: length of the movement to each side, in mean norms of the mean-subtracted images.
        steps: number of points from one end to the other.
    """
    reach = extent * float((pixels - mean).flatten(1).norm(dim=1).mean())
    return torch.linspace(-reach, reach, steps, device=pixels.device)


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
    r"""Compute the class scores :math:`\tilde F_c(s | i_n, d)` of every image at every step along a direction.

    Args:
        network: images (n, channels, height, width), pixels in [0, 1], to logits (n, classes).
        images: starting points of the movement; pixels may leave [0, 1] on the way, as in the paper.
        direction: (channels, height, width), of unit norm.
        steps: (s,) in pixels.
        anchored: move every image's component along the direction *to* each step instead of *by* it. Every column of
            the result then has the same component, and every row the same remainder.
        batch_size: images that pass through the network at once, but at least all steps of one image.

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


#: Largest range of a curve, as a fraction of its largest absolute score, that rounding in float32 can cause.
ROUNDING = 1e-5


@dataclass
class Form:
    """The paper's description of the curves as numbers in [0, 1], for each image whose curve is not constant.

    Noise is also somewhat symmetric about the best of many centres, so each number has a floor: its mean over the same
    curves with permuted steps. The paper's form is symmetric and also monotonic on each side: a sine is symmetric about
    a crest, but not monotonic.
    """

    centre: float  #: s_0, the best common point of symmetry of all images, in the units of the steps
    symmetry: np.ndarray  #: (m,) fraction of a curve's variance that is even about s_0
    monotonicity: np.ndarray  #: (m,) net change of a curve on both sides of s_0, as a fraction of its total variation
    symmetry_floor: float
    monotonicity_floor: float
    moving: np.ndarray  #: (n,) bool, which of the curves move

    @property
    def symmetry_by_image(self) -> np.ndarray:
        """(n,) symmetry of each curve; NaN for one that does not move."""
        return self._by_image(self.symmetry)

    @property
    def monotonicity_by_image(self) -> np.ndarray:
        """(n,) monotonicity of each curve; NaN for one that does not move."""
        return self._by_image(self.monotonicity)

    def _by_image(self, values: np.ndarray) -> np.ndarray:
        found = np.full(len(self.moving), np.nan)
        if len(values):
            found[self.moving] = values
        return found


def curve_form(curves: np.ndarray, steps: np.ndarray, rng: np.random.Generator, permutations: int = 20) -> Form:
    """Measure symmetry about the best common point, and monotonicity on each side of it.

    The paper (section 1) observes F(s - s_0) = F(-s - s_0), approximately, and monotonic half-lines. s_0 is the step,
    among those in the middle half of the range, about which the curves are most even.

    Args:
        curves: (n, s) scores of one class. Curves that are constant up to rounding have no form and are left out.
        steps: (s,) evenly spaced, ascending.
        rng: random generator of the permutations of the steps.
        permutations: number of permutations per curve for the floors.

    Returns:
        A :class:`Form`; with fewer than two curves that are not constant, it holds NaN and no image.
    """
    moves = np.ptp(curves, axis=1) > ROUNDING * np.abs(curves).max(1)
    moving = curves[moves]
    if len(moving) < 2:
        return Form(np.nan, np.empty(0), np.empty(0), np.nan, np.nan, np.zeros(len(curves), dtype=bool))
    centre, symmetry, monotonicity = _form(moving)
    permuted = [_form(rng.permuted(moving, axis=1))[1:] for _ in range(permutations)]
    floors = np.mean(permuted, axis=(0, 2))
    return Form(float(steps[centre]), symmetry, monotonicity, *map(float, floors), moves)


def _form(curves: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the step that is the best centre, and symmetry and monotonicity (n,) about it."""
    count = curves.shape[1]
    candidates = range(count // 4, count - count // 4)
    shares = [_even_share(curves, centre) for centre in candidates]
    best = int(np.argmax([share.mean() for share in shares]))
    centre = candidates[best]
    net = np.abs(curves[:, centre] - curves[:, 0]) + np.abs(curves[:, -1] - curves[:, centre])
    return centre, shares[best], net / np.abs(np.diff(curves, axis=1)).sum(1)


def _even_share(curves: np.ndarray, centre: int) -> np.ndarray:
    """Return the fraction (n,) of each curve's variance that is even about ``centre``, in the widest window there."""
    reach = min(centre, curves.shape[1] - 1 - centre)
    window = curves[:, centre - reach : centre + reach + 1]
    odd = (window - window[:, ::-1]) / 2
    variance = np.square(window - window.mean(1, keepdims=True)).sum(1)
    return np.where(variance > 0, 1 - np.square(odd).sum(1) / np.where(variance > 0, variance, 1), 1.0)


@dataclass
class Separability:
    """Degree to which F_c(i) = G(i^d) + H(the rest) holds on a grid (section 1), with 95 % intervals."""

    additive: float  #: fraction of the variance of the grid that the sum explains, in [0, 1]
    additive_interval: tuple[float, float]
    additive_floor: float  #: the mean of that fraction for a grid of exchangeable entries
    interaction: float  #: non-additive fraction of the direction's effect: 0 if separable, 1 for noise
    interaction_interval: tuple[float, float]


def separability(scores: np.ndarray) -> Separability:
    """Measure the additive separability of a grid of scores.

    The grid holds F_c of images whose component along d is set to each of several values (``scores_along`` with
    ``anchored``). Most of its variance is between images, H, and any sum explains it. The interaction is therefore
    also compared with the effect of the direction alone, G.

    Args:
        scores: (n, s).

    Returns:
        NaN everywhere for a grid that is constant along the direction up to rounding.
    """
    n, s = scores.shape
    floor = ((n - 1) + (s - 1)) / (n * s - 1)
    if not moves(scores):
        nothing = (np.nan, np.nan)
        return Separability(np.nan, nothing, floor, np.nan, nothing)
    whole = additive_and_interaction(scores)
    without = np.array([additive_and_interaction(np.delete(scores, image, 0)) for image in range(n)]).T
    intervals = [jackknife_interval(*pair) for pair in zip(whole, without, strict=True)]
    return Separability(whole[0], intervals[0], floor, whole[1], intervals[1])


def moves(scores: np.ndarray) -> bool:
    """Return whether any row of a grid (n, s) changes beyond rounding."""
    return bool(np.ptp(scores, axis=1).max() > ROUNDING * np.abs(scores).max())


def additive_and_interaction(scores: np.ndarray) -> tuple[float, float]:
    """Return the additive fraction of the variance of a grid (n, s), and the interaction in its columns' effect.

    These come from a two-way analysis of variance without repetition: SS_columns + SS_rows over SS_total, and
    SS_interaction over SS_columns + SS_interaction.
    """
    centred = scores - scores.mean()
    columns, rows = centred.mean(0, keepdims=True), centred.mean(1, keepdims=True)
    interaction, total = np.square(centred - columns - rows).sum(), np.square(centred).sum()
    direction = len(scores) * np.square(columns).sum() + interaction
    return float(1 - interaction / total), float(interaction / direction) if direction > 0 else 0.0
