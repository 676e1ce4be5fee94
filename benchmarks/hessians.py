"""The mean Hessian, dense and by leading directions, compared with other libraries and with bare gradients."""

import warnings

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.sparse.linalg
import torch
from torch import nn

from benchmarks.harness import Goal, alternating, bare, network_and_images, ratio
from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.curvature.hessians import (
    DifferenceHessian,
    OneSidedHessian,
    margin_gradients,
    margins,
    reference_step,
    smooth_step,
)
from friendlyfire.curvature.spectra import decompose_lanczos, subspace_overlap

#: Number of probes of one product with the dense operator, by network, and number of points, as in one block.
PROBES, TOGETHER = {"LeNet, 28 px": 256, "NIN, 32 px": 48, "AlexNet, 32 px": 64}, 16

#: Number of directions at each end of the spectrum, and number of boundary points of both halves together.
TARGET, ENDS, POINTS = 3, 25, 80

#: How many times faster than each contender the leading directions should be. ARPACK to the same tolerance takes about
#: as many products as any Lanczos method; against it only the noise of the sample saves some.
AIMS = {
    "reference (ARPACK, to 1e-3)": 2,
    "reference (ARPACK, to rounding)": 5,
    "curvlinops (ARPACK, to 1e-3)": 5,
    "torch.func.hessian": 5,
}

#: A small step, because the network of the leading directions is smooth.
STEP = 0.05


def boundary_points(network, images, count):
    """Return points on the boundary of the target class, and their source classes."""
    attack = deepfool(network, images, torch.full((len(images),), TARGET))
    reached = attack.converged.nonzero().squeeze(1)[:count]
    return (images + attack.perturbations)[reached], attack.sources[reached]


def measure_dense() -> tuple[pd.DataFrame, list[Goal]]:
    """Compare one block of the dense Hessian with as many bare gradients."""
    rows, goals = [], []
    for name, probes in PROBES.items():
        network, images = network_and_images(name)
        points = images[:TOGETHER]
        sources = network(points).index_fill(1, torch.tensor([TARGET]), -torch.inf).argmax(1)
        hessian = DifferenceHessian(network, points, TARGET, sources, step=reference_step(points[0].numel()))
        columns = np.eye(hessian.pixels, probes)
        gradients, passes = 2 * len(points) * probes, bare(name)
        taken = alternating(
            {
                "Friendly Fire": lambda hessian=hessian, columns=columns: hessian @ columns,
                "gradients, bare": lambda passes=passes, count=gradients: passes(gradient=count),
            }
        )
        share = ratio(taken["gradients, bare"], taken["Friendly Fire"])
        rows += [
            {"network": name, "contender": contender, "gradients_per_second": gradients / timing.median}
            for contender, timing in taken.items()
        ]
        goals.append(
            Goal(
                f"mean Hessian, dense, {name}",
                f"{gradients:,} gradients, bare",
                "80 %",
                f"{share:.0%}; {gradients / taken['Friendly Fire'].median:,.0f} gradients/s",
                share.median >= 0.8,
            )
        )
    return pd.DataFrame(rows), goals


def by_lanczos(network, points, sources):
    """Run our block Lanczos on one-sided differences, to the noise of the sample."""
    step = smooth_step(points[0].numel())
    halves = tuple(OneSidedHessian(network, points[half::2], TARGET, sources[half::2], step) for half in (0, 1))
    pairs = decompose_lanczos(halves, ENDS, seed=0, tolerance=1e-3)
    return pairs.vectors, pairs.quality.gradients


def by_central_lanczos(network, points, sources):
    """Run our block Lanczos on central differences, to the tolerance."""
    halves = tuple(DifferenceHessian(network, points[half::2], TARGET, sources[half::2], STEP) for half in (0, 1))
    pairs = decompose_lanczos(halves, ENDS, seed=0, tolerance=1e-3, noise=0)
    return pairs.vectors, pairs.quality.gradients


def by_arpack(network, points, sources, tolerance):
    """Run the paper's reference: ARPACK on central differences, one probe at a time over all points."""
    d, spent = points[0].numel(), 0

    def product(probe):
        nonlocal spent
        spent += 2 * len(points)
        shift = STEP * torch.from_numpy(probe.ravel() / np.linalg.norm(probe)).float().reshape(1, *points.shape[1:])
        forward, backward = (margin_gradients(network, points + s * shift, TARGET, sources) for s in (1, -1))
        return np.linalg.norm(probe) * ((forward - backward).double().mean(0) / (2 * STEP)).numpy()

    operator = scipy.sparse.linalg.LinearOperator((d, d), product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(d)
    return scipy.sparse.linalg.eigsh(operator, 2 * ENDS, which="BE", tol=tolerance, v0=start)[1], spent


def by_torch_func(network, points, sources):
    """Average and decompose torch.func.hessian of every point."""

    def margin(image, source):
        logits = network(image[None])[0]
        return logits[TARGET] - logits.gather(0, source[None])[0]

    each = torch.func.vmap(torch.func.hessian(margin), chunk_size=2)
    d, total = points[0].numel(), 0.0
    for some, theirs in zip(points.split(10), sources.split(10), strict=True):
        total = total + each(some, theirs).reshape(len(some), d, d).double().sum(0)
    vectors = scipy.linalg.eigh((total / len(points)).numpy())[1]
    return np.hstack([vectors[:, :ENDS], vectors[:, -ENDS:]]), np.nan


class Shifted(nn.Module):
    """A network whose only parameter is a shift of all images: its Hessian is the one with respect to the images."""

    def __init__(self, network, pixels):
        super().__init__()
        self.network, self.shift = network, nn.Parameter(torch.zeros(pixels))

    def forward(self, images):
        """Return the logits of the shifted images."""
        return self.network(images + self.shift.reshape(images.shape[1:]))


def by_curvlinops(network, points, sources):
    """Run ARPACK on curvlinops' Hessian operator, with the margins as the loss."""
    from curvlinops import HessianLinearOperator

    class Margin(nn.Module):
        """Mean margin as a loss; curvlinops needs the name of the reduction."""

        reduction = "mean"

        def forward(self, logits, theirs):
            return margins(logits, TARGET, theirs).mean()

    shifted = Shifted(network, points[0].numel())
    data = [(points, sources)]
    operator = HessianLinearOperator(shifted, Margin(), [shifted.shift], data, check_deterministic=False).to_scipy()
    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    return scipy.sparse.linalg.eigsh(operator, 2 * ENDS, which="BE", tol=1e-3, v0=start)[1], np.nan


def measure_leading() -> tuple[pd.DataFrame, list[Goal]]:
    """Compare the leading directions of a smooth network by each contender, and the overlap of two halves."""
    network, images = network_and_images("smooth LeNet, 28 px")
    points, sources = boundary_points(network, images, POINTS)
    contenders = {
        "Friendly Fire": by_lanczos,
        "Friendly Fire, central, to 1e-3": by_central_lanczos,
        "reference (ARPACK, to 1e-3)": lambda *sample: by_arpack(*sample, 1e-3),
    }
    # Once: they take several times as long.
    slow = {
        "reference (ARPACK, to rounding)": lambda *sample: by_arpack(*sample, 0),
        "curvlinops (ARPACK, to 1e-3)": by_curvlinops,
        "torch.func.hessian": by_torch_func,
    }

    def both_halves(contender):
        return [contender(network, points[half::2], sources[half::2]) for half in (0, 1)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the other libraries
        # Without a warm run, to save time: each run takes seconds.
        taken = {}
        for group, repeats in ((contenders, 3), (slow, 1)):
            both = {name: lambda one=one: both_halves(one) for name, one in group.items()}
            taken |= alternating(both, repeats, warm=False)
    exact = [vectors for vectors, _ in taken["torch.func.hessian"].result]
    rows = []
    for name, timing in taken.items():
        (first, spent), (second, more) = timing.result
        rows.append(
            {
                "contender": name,
                "seconds": timing.median,
                "gradients": spent + more,
                "overlap_of_halves": subspace_overlap(first, second),
                "overlap_with_exact": np.mean(
                    [subspace_overlap(a, b) for a, b in zip((first, second), exact, strict=True)]
                ),
            }
        )
    table = pd.DataFrame(rows)
    mine, goals = table.iloc[0], []
    for _, other in table.iloc[1:].iterrows():
        faster, aim = ratio(taken[other.contender], taken["Friendly Fire"]), AIMS.get(other.contender, 0)
        goals.append(
            Goal(
                f"mean Hessian, {2 * ENDS} leading directions",
                other.contender,
                f"{aim} times, overlap as good" if aim else "",
                f"{faster:.1f} times, overlap {mine.overlap_of_halves:.4f} against {other.overlap_of_halves:.4f}",
                faster.median >= aim and mine.overlap_of_halves >= other.overlap_of_halves - 1e-3,
            )
        )
    return table, goals
