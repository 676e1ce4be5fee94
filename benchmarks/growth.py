"""Growth of run time with problem size: measured and expected exponents."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from benchmarks.harness import Goal, alternating, network_and_images
from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.random import random_basis
from friendlyfire.bases.singular import singular_directions
from friendlyfire.curvature.hessians import DifferenceHessian
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.networks.network import predict


def measure() -> tuple[pd.DataFrame, list[Goal]]:
    """Fit exponents by least squares over three sizes in turns, large enough for fixed costs to be small."""
    network, images = network_and_images("LeNet, 28 px")
    sources = network(images).index_fill(1, torch.tensor([3]), -torch.inf).argmax(1)
    basis = torch.from_numpy(random_basis(784, 784, seed=0)).float()
    matrix = np.random.default_rng(0).standard_normal((1200, 128_000), dtype=np.float32)

    def attack(n, candidates=10):
        deepfool(network, images[:n], candidates=candidates)

    def product(n, probes):
        DifferenceHessian(network, images[:n], 3, sources[:n], step=0.5) @ np.eye(784, probes)

    def accuracy(ranks):
        grid = np.linspace(0, 784, ranks).astype(int).tolist()
        correct_by_rank(lambda x: predict(network, x), [(images, sources)], images.mean(0), basis, grid)

    def directions(n, d):
        singular_directions(lambda rows: matrix[rows][:, :d], n, d)

    studies: list[tuple[str, str, list[int], Callable, float]] = [
        ("DeepFool", "images", [90, 180, 360], attack, 1),
        ("DeepFool", "classes", [3, 5, 9], lambda k: attack(180, k + 1), 1),
        ("product with the mean Hessian", "points", [16, 32, 64], lambda n: product(n, 64), 1),
        ("product with the mean Hessian", "probes", [32, 64, 128], lambda p: product(32, p), 1),
        ("accuracy", "ranks", [10, 20, 40], accuracy, 1),
        ("singular vectors", "rows n", [300, 600, 1200], lambda n: directions(n, 16_000), 2),
        ("singular vectors", "pixels d", [32_000, 64_000, 128_000], lambda d: directions(400, d), 1),
    ]
    rows = []
    for what, grows, sizes, run, expected in studies:
        taken = alternating({size: lambda run=run, size=size: run(size) for size in sizes}, repeats=3)
        # A fit per turn, so that a phase in which the machine is slow moves no exponent.
        slopes = np.polyfit(np.log(sizes), np.log([timing.turns for timing in taken.values()]), 1)[0]
        rows.append(
            {
                **{"what": what, "grows": grows, "sizes": sizes, "seconds": [each.median for each in taken.values()]},
                **{"exponent": np.median(slopes), "low": slopes.min(), "high": slopes.max(), "expected": expected},
            }
        )
    goals = [
        Goal(
            f"growth: {row['what']}",
            row["grows"],
            f"exponent {row['expected']}",
            f"{row['exponent']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
            row["exponent"] <= row["expected"] + 0.15,
        )
        for row in rows
    ]
    return pd.DataFrame(rows), goals
