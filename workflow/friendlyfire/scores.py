"""Class scores as functions of the movement along one direction of image space (section 4.1, figures 1 and 2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from friendlyfire.devices import images_at_once


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


@dataclass
class Form:
    """What the paper says of the curves in words, for each image, as numbers in [0, 1]."""

    centre: float  #: s_0, the point of symmetry that all images share, in the units of the steps
    symmetry: np.ndarray  #: (n,) share of a curve's variance that is even about s_0
    monotonicity: np.ndarray  #: (n,) net change of a curve on either side of s_0, as a fraction of its total variation


def curve_form(curves: np.ndarray, steps: np.ndarray) -> Form:
    """Symmetry about a common point and monotonicity on either side of it.

    The paper (section 1) observes F(s - s_0) = F(-s - s_0), approximately, and monotonic half-lines. s_0 is the step,
    among those in the middle half of the range, about which the curves are most even.

    Args:
        curves: (n, s) scores of one class.
        steps: (s,) evenly spaced, ascending.
    """
    count = len(steps)
    candidates = range(count // 4, count - count // 4)
    shares = [_even_share(curves, centre) for centre in candidates]
    best = int(np.argmax([share.mean() for share in shares]))
    centre = candidates[best]
    change = np.diff(curves, axis=1)
    net = np.abs(curves[:, centre] - curves[:, 0]) + np.abs(curves[:, -1] - curves[:, centre])
    total = np.abs(change).sum(1)
    return Form(float(steps[centre]), shares[best], np.where(total > 0, net / np.where(total > 0, total, 1), 1.0))


def _even_share(curves: np.ndarray, centre: int) -> np.ndarray:
    """Share (n,) of each curve's variance that is even about the step ``centre``, in the widest window about it."""
    reach = min(centre, curves.shape[1] - 1 - centre)
    window = curves[:, centre - reach : centre + reach + 1]
    odd = (window - window[:, ::-1]) / 2
    variance = np.square(window - window.mean(1, keepdims=True)).sum(1)
    return np.where(variance > 0, 1 - np.square(odd).sum(1) / np.where(variance > 0, variance, 1), 1.0)


def additive_share(scores: np.ndarray) -> float:
    """Share of the variance of a grid that a sum of a function of its row and one of its column explains.

    The grid holds F_c of images whose component along d is set to each of several values (``scores_along`` with
    ``anchored``); 1 means F_c(i) = G(i^d) + H(the rest) on it, section 1's additive separability.

    Args:
        scores: (n, s).

    Returns:
        A number in [0, 1]; 1 for a grid that does not vary.
    """
    centred = scores - scores.mean()
    rest = centred - centred.mean(0, keepdims=True) - centred.mean(1, keepdims=True)
    total = np.square(centred).sum()
    return float(1 - np.square(rest).sum() / total) if total > 0 else 1.0


def additive_share_interval(scores: np.ndarray, rng: np.random.Generator, draws: int = 500) -> tuple[float, float]:
    """95 % interval of :func:`additive_share` over the images, by the percentile bootstrap.

    Source: B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    n = len(scores)
    shares = [additive_share(scores[rng.integers(n, size=n)]) for _ in range(draws)]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
