"""Margins in blocks of cosines, compared with attacks on one image in one block at a time."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.harness import Counted, Goal, alternating, network_and_images, passes_compared
from friendlyfire.bases.cosines import cosine_basis
from friendlyfire.measures.margins import confined_margins, sliding_blocks

#: Images of both contenders, by network, and how many of them are attacked one by one.
IMAGES = {"LeNet, 28 px": (120, 6), "NIN, 32 px": (60, 2)}

BLOCKS, WIDTH, OVERSHOOT, STEPS = 12, 0.08, 0.02, 50


def one_by_one(network: nn.Module, images: Tensor, basis: Tensor, blocks: list[tuple[int, int]]) -> np.ndarray:
    """Return the norms (blocks, n) of DeepFool in the span of each block, NaN where it fails.

    Written after the description in Ortiz-Jimenez et al. (2020): the gradients of all classes are projected
    onto the subspace, and the nearest linearised boundary is stepped to, until the class changes.
    """
    return np.array([[alone(network, image[None], basis[:, slice(*block)]) for image in images] for block in blocks])


def alone(network: nn.Module, image: Tensor, basis: Tensor) -> float:
    """Return the norm of DeepFool on one image (1, channels, height, width) in the span of a basis; NaN if it fails."""
    with torch.no_grad():
        source = int(network(image).argmax())
    total = torch.zeros_like(image)
    for _ in range(STEPS):
        at = (image + (1 + OVERSHOOT) * total).requires_grad_(True)
        logits = network(at)[0]
        gradients = torch.stack(
            [torch.autograd.grad(logit, at, retain_graph=True)[0].flatten() for logit in logits.unbind()]
        )
        others = [k for k in range(len(logits)) if k != source]
        normals = (gradients[others] - gradients[source]) @ basis
        distances = (logits[others] - logits[source]).detach().abs() / normals.norm(dim=1)
        nearest = distances.argmin()
        step = distances[nearest] * normals[nearest] / normals[nearest].norm()
        total = total + (basis @ step).reshape(image.shape)
        with torch.no_grad():
            if int(network(image + (1 + OVERSHOOT) * total).argmax()) != source:
                return float(total.norm())
    return float("nan")


def measure() -> tuple[pd.DataFrame, list[Goal]]:
    """Measure both contenders on all networks."""
    rows, goals = [], []
    for name, (n, few) in IMAGES.items():
        network, images = network_and_images(name)
        images, shape = images[:n], tuple(images.shape[1:])
        basis = torch.from_numpy(cosine_basis(shape)).float()
        blocks, options = (
            sliding_blocks(basis.shape[1], WIDTH, BLOCKS),
            {"overshoot": OVERSHOOT, "max_iterations": STEPS},
        )
        ours, theirs = Counted(network), Counted(network)
        taken = alternating(
            {
                "Friendly Fire": lambda *, a=(ours, images, basis, blocks), o=options: confined_margins(*a, **o),
                "one by one": lambda *, a=(theirs, images[:few], basis, blocks): one_by_one(*a),
            },
            repeats=1,
            warm=False,
        )
        speeds = {}
        for (contender, timing), count in zip(taken.items(), (n, few), strict=True):
            speeds[contender] = BLOCKS * count / timing.median
            rows.append({"network": name, "contender": contender, "attacks_per_second": speeds[contender]})
        medians = [
            np.median(np.where(np.isnan(norms[:, :few]), np.inf, norms[:, :few]), axis=1)
            for norms in (timing.result for timing in taken.values())
        ]
        both = np.isfinite(medians).all(0)
        apart = np.abs(medians[0][both] / medians[1][both] - 1).max()
        faster = speeds["Friendly Fire"] / speeds["one by one"]
        reached = (
            f"{faster:.0f} times ({speeds['Friendly Fire']:,.0f} attacks/s), medians within {apart:.2%}, "
            f"with {passes_compared(ours, theirs, n / few)}"
        )
        goal = "20 times, medians within 1 %"
        goals.append(Goal(f"margins, {name}", "one by one", goal, reached, faster >= 20 and apart <= 0.01))
    return pd.DataFrame(rows), goals
