"""What a suite costs on this machine: its counted work, and the speed of one batch."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from engine.cost import USUAL_CLASSES, Work, work
from engine.sections import experiment_settings
from engine.settings import suite_experiments
from friendlyfire.datasets.sources import image_shape, known_classes
from friendlyfire.devices import full_float32, images_at_once
from friendlyfire.networks.acceptance import logits_of
from friendlyfire.networks.network import build_body
from friendlyfire.records.progress import progress
from friendlyfire.records.seeds import repetition_of

#: Seconds for which each speed is measured.
SECONDS = 1.0

#: What a GPU sustains in float32, in operations per second. ASSUME: a third of the peak of one of 2020.
GPU_FLOPS = 6e12


#: Columns of the printed table, and the stages in them.
STAGES = {
    "training": ["training"],
    "attacks": ["perturbations", "boundary"],
    "curvature": ["curvature"],
    "measures": [
        *("bases", "accuracy", "confinement", "scores", "slopes", "resampling", "walks", "views"),
        *("transfer", "margins", "manifold", "heatmap"),
    ],
}


def estimate(config: Mapping[str, Any], device: torch.device) -> pd.DataFrame:
    """Return what the suite costs: a row per experiment, with its repetitions, and their sum."""
    names, rows = [repetition_of(one)[0] for one in suite_experiments(config)], {}
    for experiment in progress(list(dict.fromkeys(names)), "experiments"):
        stages, times = work(config, experiment), names.count(experiment)
        speeds, operations = speeds_of(config, experiment, device)
        whole = sum(stages.values(), Work())
        hours = {
            name: times * sum(seconds(stages[stage], speeds) for stage in parts) / 3600
            for name, parts in STAGES.items()
        }
        rows[experiment] = {
            "times": f"{times}",
            "M trained": times * whole.trained / 1e6,
            "M gradients": times * whole.gradients / 1e6,
            "M passes": times * whole.passes / 1e6,
            "gradients/s": speeds["gradients"],
            **{f"{name}, h": value for name, value in hours.items()},
            "all, h": sum(hours.values()),
            "on a GPU, h": times * seconds(whole, {key: GPU_FLOPS / each for key, each in operations.items()}) / 3600,
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.loc["suite"] = table.drop(columns=["times", "gradients/s"]).sum()
    return table


def seconds(one: Work, speeds: Mapping[str, float]) -> float:
    """Return the time of some work, at images per second in training steps, gradients and passes."""
    return sum(getattr(one, kind) / speed for kind, speed in speeds.items())


@full_float32()
def speeds_of(
    config: Mapping[str, Any], experiment: str, device: torch.device
) -> tuple[dict[str, float], dict[str, float]]:
    """Return images per second, and operations per image, by the kinds of :class:`.Work`, of an untrained network."""
    section, dataset = experiment_settings(config, experiment, "networks"), config["experiments"][experiment]["dataset"]
    dataset = config["datasets"][dataset]
    body = build_body(section, image_shape(dataset), known_classes(dataset) or USUAL_CLASSES)
    body = body.to(device, memory_format=torch.channels_last).eval()
    one = torch.rand(1, *image_shape(dataset), device=device)
    logits_of(body, one, section["architecture"])
    at_once = images_at_once(body, one)

    def trained(n: int) -> None:
        body.train()
        logits = body(one.repeat(n, 1, 1, 1))
        cross_entropy(logits, logits.detach().argmax(1)).backward()
        body.eval()

    def gradients(n: int) -> None:
        images = one.repeat(n, 1, 1, 1).requires_grad_(True)
        body(images).sum().backward()

    def passes(n: int) -> None:
        with torch.no_grad():
            body(one.repeat(n, 1, 1, 1))

    speeds, operations = {}, {}
    for kind, step, n in (
        ("trained", trained, section["batch_size"]),
        ("gradients", gradients, at_once),
        ("passes", passes, at_once),
    ):
        body.requires_grad_(kind == "trained")
        with FlopCounterMode(display=False) as counted:
            step(2)
        operations[kind] = counted.get_total_flops() / 2
        speeds[kind] = speed(step, n, device)
    return speeds, operations


def speed(step: Callable[[int], None], n: int, device: torch.device) -> float:
    """Return images per second in steps of n."""
    step(n)
    began, done = time.monotonic(), 0
    while time.monotonic() - began < SECONDS:
        step(n)
        done += n
        if device.type == "cuda":
            torch.cuda.synchronize()
    return done / (time.monotonic() - began)
