"""Work of each experiment of the suite, counted, times the speed of one batch on this machine -> hours, printed."""

from engine.job import announce, run

import time

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
from friendlyfire.records.seeds import repetition_of

#: Seconds for which each speed is measured.
SECONDS = 1.0

#: What a GPU sustains in float32, in operations per second. ASSUME: a third of the peak of one of 2020.
GPU_FLOPS = 6e12


def main(inputs, outputs, settings):
    config, device = settings["config"], resolve_device(settings["device"])
    name = device_in_use()
    announce(f"Hours per experiment on {processor() if name == 'CPU' else name}, jobs without a network not counted:")
    names = [repetition_of(one)[0] for one in suite_experiments(config)]
    total, elsewhere = 0.0, 0.0
    for experiment in dict.fromkeys(names):
        times, stages = names.count(experiment), work(config, experiment)
        speeds, operations = speeds_of(config, experiment, device)
        hours = {stage: times * seconds(one, speeds) / 3600 for stage, one in stages.items()}
        whole = times * sum(stages.values(), Work())
        on_gpu = seconds(whole, {kind: GPU_FLOPS / flops for kind, flops in operations.items()}) / 3600
        parts = ", ".join(f"{stage} {value:.2f}" for stage, value in hours.items() if value >= 0.005)
        announce(
            f"{experiment}, {times} x: {sum(hours.values()):.1f} h ({parts}); {whole.trained / 1e6:.1f} million images "
            f"trained on, {whole.gradients / 1e6:.1f} million gradients at {speeds['gradients']:,.0f} a second, "
            f"{whole.passes / 1e6:.1f} million passes at {speeds['passes']:,.0f} a second; {on_gpu:.1f} h on a GPU of "
            f"{GPU_FLOPS / 1e12:.0f} TFLOP/s"
        )
        total, elsewhere = total + sum(hours.values()), elsewhere + on_gpu
    announce(f"suite {config['suite']}: {total:.1f} h here, {elsewhere:.1f} h on such a GPU")


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
