"""Common parts of the benchmarks: contenders in turn, networks and images, and goals."""

import functools
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from friendlyfire.datasets.images import digits_splits
from friendlyfire.networks.network import Network, build_network
from friendlyfire.networks.training import train

#: Smallest duration of a measurement in seconds, so that timers and caches do not matter.
SHORTEST = 0.2


def peak_memory() -> int:
    """Return the peak memory of this process in bytes."""
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


class Goal(NamedTuple):
    """One line of the table: the comparison, its goal, and the result."""

    what: str
    against: str
    goal: str
    reached: str
    met: bool


def table_of(goals: pd.DataFrame) -> str:
    """Return the goals as a table."""
    lines = ["| what | against | aim | reached | |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.against} | {row.goal} | {row.reached} | {'' if row.met else '**missed**'} |"
        for row in goals.itertuples()
    ]
    return "\n".join(lines)


def machines_of(goals: pd.DataFrame) -> str:
    """Return what the goals were measured with."""
    return "\n".join(f"Measured with {one}" for one in dict.fromkeys(goals["machine"]))


class Timing(NamedTuple):
    """Seconds of a contender, and its last return value."""

    median: float
    low: float
    high: float
    result: Any
    turns: tuple[float, ...]  #: seconds of each turn


class Ratio(NamedTuple):
    """Ratio of two contenders' seconds: the median over the turns, and its range."""

    median: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        """Format the median, and the range behind it if it has one."""
        median, low, high = (format(number, form) for number in self)
        return median if low == high else f"{median} ({low} to {high})"


def ratio(numerator: Timing, denominator: Timing) -> Ratio:
    """Return the ratio of the seconds of two contenders of :func:`alternating`.

    Each turn is compared with the same turn of the other, so a phase in which the machine is slow affects both. If one
    of them had fewer turns, the medians are compared.
    """
    if len(numerator.turns) != len(denominator.turns):
        return Ratio(*3 * (numerator.median / denominator.median,))
    ratios = [one / other for one, other in zip(numerator.turns, denominator.turns, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def alternating(contenders: dict[str, Callable[[], Any]], repeats: int = 3, warm: bool = True) -> dict[str, Timing]:
    """Run all contenders in turn, ``repeats`` times, so noise affects all alike. ``warm`` adds an untimed run."""
    seconds, results = {name: [] for name in contenders}, {}
    for repeat in range(-warm, repeats):
        for name, contender in contenders.items():
            gc.collect()
            began = time.perf_counter()
            results[name] = contender()
            if repeat >= 0:
                seconds[name].append(time.perf_counter() - began)
    return {
        name: Timing(statistics.median(taken), min(taken), max(taken), results[name], tuple(taken))
        for name, taken in seconds.items()
    }


def seconds_of(function: Callable[[], Any], repeats: int = 3) -> float:
    """Return the median seconds of one call, from series of calls that are long enough to be timed."""
    function()
    began = time.perf_counter()
    function()
    taken = [time.perf_counter() - began]
    calls = max(1, int(SHORTEST / max(taken[0], 1e-9)))
    if calls > 1:
        taken.clear()
    while len(taken) < repeats:
        began = time.perf_counter()
        for _ in range(calls):
            function()
        taken.append((time.perf_counter() - began) / calls)
    return statistics.median(taken)


#: Networks by name: architecture, options, channels, pixels per side, and epochs after which every class is predicted.
#: With rectifiers after its last layer, NIN would have dead classes after so little training.
NETWORKS = {
    "LeNet, 28 px": ("lenet", {}, 1, 28, 4),
    "NIN, 32 px": ("nin", {"width": 0.5, "activation": "gelu"}, 3, 32, 8),
    "AlexNet, 32 px": ("alexnet", {"width": 0.5}, 3, 32, 4),
    "smooth LeNet, 28 px": ("lenet", {"activation": "softplus", "pooling": "average"}, 1, 28, 12),
}


@functools.cache
def network_and_images(name: str) -> tuple[Network, Tensor]:
    """Train a network on scikit-learn's digits, enlarged, and return it with images (360, channels, side, side)."""
    architecture, options, channels, side, epochs = NETWORKS[name]
    settings = {
        **{"architecture": architecture, "width": 1.0, "activation": "relu", "pooling": "max", "flip": False},
        **{"normalisation": "dataset", "epochs": epochs, "batch_size": 32, "learning_rate": 0.02, "momentum": 0.9},
        **{"weight_decay": 5e-4, "crop_padding": 0, "mixed_precision": False, **options},
    }
    splits = {}
    for split, digits in digits_splits(seed=0).items():
        small = torch.from_numpy(digits.images).float()
        large = nn.functional.interpolate(small, (side, side), mode="bilinear").repeat(1, channels, 1, 1)
        splits[split] = large.round().to(torch.uint8), torch.from_numpy(digits.labels)
    torch.manual_seed(0)
    pixels = splits["train"][0].numpy() / 255
    network = build_network(settings, pixels.mean(0), float(np.std(pixels - pixels.mean(0))), 10)
    network.to(memory_format=torch.channels_last)
    *_, (last, _) = train(network, splits["train"], splits["test"], settings, seed=0)
    if last.test_accuracy < 0.5:
        raise RuntimeError(f"{name} did not learn: {last}")
    network.eval().requires_grad_(False)
    images = splits["test"][0].float() / 255
    if len(network(images).argmax(1).unique()) < 10:
        raise RuntimeError(f"{name} never predicts some classes, so no targeted attack reaches them; train it longer")
    return network, images


class Bare:
    """Bare passes through a network, each with its best batch size and memory format.

    ``plain`` is forward without a graph, ``graph`` with one, ``backward`` from there to the image, ``gradient`` both.
    """

    def __init__(self, network: nn.Module, images: Tensor):
        self.best = {}
        candidates = [
            images.repeat(-(-batch // len(images)), 1, 1, 1)[:batch].contiguous(memory_format=layout)
            for layout in (torch.contiguous_format, torch.channels_last)
            for batch in (16, 32, 64, 128, 256)
            if batch * images[0].numel() <= 2**18  # larger batches are no faster on a CPU
        ]
        for kind in ("plain", "graph", "backward", "gradient"):
            passes = [(_pass(network, kind, batch), len(batch)) for batch in candidates]
            self.best[kind] = min(passes, key=lambda each: seconds_of(each[0], repeats=1) / each[1])

    def __call__(self, **images: int) -> None:
        """Run passes of each kind over as many images, or a few more to fill the last batch."""
        for kind, count in images.items():
            one, batch = self.best[kind]
            for _ in range(-(-count // batch)):
                one()


def _pass(network: nn.Module, kind: str, batch: Tensor) -> Callable[[], Any]:
    if kind == "plain":
        return torch.no_grad()(lambda: network(batch))
    batch = batch.detach().requires_grad_(True)
    if kind == "graph":
        return lambda: network(batch)
    if kind == "gradient":
        return lambda: torch.autograd.grad(network(batch).sum(), batch)
    logits = network(batch)
    return lambda: torch.autograd.grad(logits, batch, torch.ones_like(logits), retain_graph=True)


@functools.cache
def bare(name: str) -> Bare:
    """Measure the bare passes of a network, once."""
    return Bare(*network_and_images(name))


class Counted(nn.Module):
    """A network that counts the images in forward and backward passes."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.plain = self.graph = self.backward = 0
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Call the network and count the images."""
        if not (torch.is_grad_enabled() and images.requires_grad):
            self.plain += len(images)
            return self.network(images)
        self.graph += len(images)
        logits = self.network(images)

        def count(_gradient):
            self.backward += len(images)

        logits.register_hook(count)
        return logits


def passes_compared(ours: Counted, theirs: Counted, times: float = 1) -> str:
    """Say how many of another's passes we need, for ``times`` as many images."""
    forward = (ours.plain + ours.graph) / (theirs.plain + theirs.graph) / times
    return f"{forward:.0%} of its forward and {ours.backward / theirs.backward / times:.0%} of its backward passes"
