"""Counted work of each experiment of the suite, and the speed of one batch on this machine -> hours, printed."""

from engine.job import announce, run

import time

import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from engine.cost import USUAL_CLASSES, Work, work
from engine.notes import processor
from engine.sections import experiment_settings
from engine.settings import suite_experiments
from friendlyfire.datasets.sources import image_shape, known_classes
from friendlyfire.devices import device_in_use, full_float32, images_at_once, resolve_device
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
    "measures": ["accuracy", "confinement", "scores", "slopes", "resampling"],
}


def main(inputs, outputs, settings):
    config, device = settings["config"], resolve_device(settings["device"])
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
    name = device_in_use()
    announce(f"On {processor() if name == 'CPU' else name}; a GPU: one that sustains {GPU_FLOPS / 1e12:.0f} TFLOP/s.")
    for line in table.to_string(float_format="{:,.1f}".format, na_rep="").splitlines():
        announce(line)
    announce(
        "Counted: images that pass through networks. Not counted: decompositions of matrices, reading and writing."
    )


def seconds(one, speeds):
    """Time of some work, at images per second in training steps, gradients and passes."""
    return sum(getattr(one, kind) / speed for kind, speed in speeds.items())


@full_float32()
def speeds_of(config, experiment, device):
    """Images per second, and operations per image, in training steps, gradients and passes, of an untrained network."""
    section, dataset = experiment_settings(config, experiment, "networks"), config["experiments"][experiment]["dataset"]
    dataset = config["datasets"][dataset]
    body = build_body(section, image_shape(dataset), known_classes(dataset) or USUAL_CLASSES)
    body = body.to(device, memory_format=torch.channels_last).eval()
    one = torch.rand(1, *image_shape(dataset), device=device)
    at_once = images_at_once(body, one)

    def trained(n):
        body.train()
        logits = body(one.repeat(n, 1, 1, 1))
        cross_entropy(logits, logits.detach().argmax(1)).backward()
        body.eval()

    def gradients(n):
        images = one.repeat(n, 1, 1, 1).requires_grad_(True)
        body(images).sum().backward()

    def passes(n):
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


def speed(step, n, device):
    """Images per second in steps of n."""
    step(n)
    began, done = time.monotonic(), 0
    while time.monotonic() - began < SECONDS:
        step(n)
        done += n
        if device.type == "cuda":
            torch.cuda.synchronize()
    return done / (time.monotonic() - began)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
