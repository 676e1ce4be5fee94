"""Accuracy at all ranks of a basis, compared with bare forward passes."""

import pandas as pd
import torch

from benchmarks.harness import Goal, alternating, bare, network_and_images, ratio
from friendlyfire.bases.random import random_basis
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.networks.network import predict

IMAGES = {"LeNet, 28 px": 360, "NIN, 32 px": 128, "AlexNet, 32 px": 256}
RANKS = 20


def measure() -> tuple[pd.DataFrame, list[Goal]]:
    """Measure twenty ranks from 0 to the full rank."""
    rows, goals = [], []
    for name, n in IMAGES.items():
        network, images = network_and_images(name)
        images, d = images[:n], images[0].numel()
        basis = torch.from_numpy(random_basis(d, d, seed=0)).float()
        ranks = [d * k // (RANKS - 1) for k in range(RANKS)]
        labels = network(images).argmax(1)

        def all_ranks(network=network, images=images, labels=labels, basis=basis, ranks=ranks):
            mean = images.mean(0)
            return correct_by_rank(lambda x: predict(network, x), [(images, labels)], mean, basis, ranks)

        passes = bare(name)
        taken = alternating(
            {
                "Friendly Fire": all_ranks,
                "forward passes, bare": lambda passes=passes, count=RANKS * n: passes(plain=count),
            },
        )
        rows += [{"network": name, "contender": each, "seconds": timing.median} for each, timing in taken.items()]
        mine, passes = taken.values()
        longer = ratio(mine, passes)
        goals.append(
            Goal(
                f"accuracy at {RANKS} ranks, {name}",
                f"{RANKS * n:,} forward passes, bare",
                "1.2 times their time",
                f"{longer:.2f} times; {RANKS * n / mine.median:,.0f} images/s",
                longer.median <= 1.2,
            )
        )
    return pd.DataFrame(rows), goals
