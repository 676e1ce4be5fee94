"""DeepFool with 10 classes, compared with other libraries and with bare network passes; its distance from the best."""

import logging
import statistics
import subprocess
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.harness import Counted, Goal, alternating, bare, network_and_images, passes_compared, peak_memory
from friendlyfire.attacks.deepfool import deepfool

#: Number of images per contender, by network; torchattacks attacks them one by one and gets fewer.
IMAGES = {"LeNet, 28 px": (360, 32), "NIN, 32 px": (64, 6), "AlexNet, 32 px": (96, 8)}

OPTIONS = {"steps": 50, "overshoot": 0.02}

#: Images per network of the comparison with the best attacks, which take 300 gradients each.
FEW = {"LeNet, 28 px": 96, "NIN, 32 px": 16, "AlexNet, 32 px": 24}

#: Refinement as recommended: steps, and an overshoot that leaves the norm what it is.
REFINED = {"refine": 8, "overshoot": 0.001}

#: Measurement of the memory of one step: classes and pixels per side.
IMAGENET = (1000, 224)


def by_foolbox(network, images, batch):
    """Compute perturbations (n, ...) by Foolbox's L2DeepFoolAttack, in bounds so wide that nothing is clipped."""
    import foolbox

    model = foolbox.PyTorchModel(network, bounds=(-10, 11))
    attack = foolbox.attacks.L2DeepFoolAttack(candidates=10, loss="logits", **OPTIONS)
    labels = network(images).argmax(1)
    found = [
        attack.run(model, part, criterion)
        for part, criterion in zip(images.split(batch), labels.split(batch), strict=True)
    ]
    return torch.cat(found) - images


def adv_lib() -> types.ModuleType:
    """Import the attacks of adv-lib without visdom, which it imports for plots that nothing here draws."""
    sys.modules.setdefault("visdom", types.ModuleType("visdom"))
    import adv_lib.attacks

    return adv_lib.attacks


def by_adv_lib(network, images):
    """Compute perturbations by adv-lib's DeepFool, which clips to [0, 1]."""
    return adv_lib().df(network, images, network(images).argmax(1), **OPTIONS) - images


def by_torchattacks(network, images):
    """Compute perturbations by torchattacks, which clips to [0, 1]."""
    import torchattacks

    return torchattacks.DeepFool(network, **OPTIONS)(images, network(images).argmax(1)).detach() - images


def by_art(network, images, batch):
    """Compute perturbations by ART, without bounds, because ART scales its steps by their width."""
    from art.attacks.evasion import DeepFool
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(network, torch.nn.CrossEntropyLoss(), tuple(images.shape[1:]), 10, device_type="cpu")
    attack = DeepFool(classifier, max_iter=50, epsilon=0.02, nb_grads=10, batch_size=batch, verbose=False)
    return torch.from_numpy(attack.generate(images.numpy())) - images


def measure() -> tuple[pd.DataFrame, list[Goal]]:
    """Measure all contenders on all networks."""
    tables, goals = zip(*(measure_network(name, *images) for name, images in IMAGES.items()), strict=True)
    found = [goal for some in goals for goal in some]
    for name, n in FEW.items():
        found += measure_bounded(name, n)
    return pd.concat(tables), [*found, measure_memory()]


def measure_network(name: str, n: int, few: int) -> tuple[pd.DataFrame, list[Goal]]:
    """Measure all contenders on one network."""
    network, images = network_and_images(name)
    images = images[:n]
    sources = network(images).argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the other libraries
        logging.getLogger("art").setLevel(logging.ERROR)
        batches = [n // 3, n]
        tried = alternating({b: lambda b=b: by_foolbox(network, images, b) for b in batches}, repeats=1, warm=False)
        best = min(batches, key=lambda batch: tried[batch].median)
        foolbox = f"Foolbox, batches of {best}"
        counted, passes = Counted(network), bare(name)
        deepfool(counted, images)
        taken = alternating(
            {
                "Friendly Fire": lambda: deepfool(network, images).overshot,
                "Friendly Fire, all classes": lambda: deepfool(network, images, horizon=np.inf).overshot,
                foolbox: lambda: by_foolbox(network, images, best),
                f"ART, batches of {n // 8}": lambda: by_art(network, images[: n // 8], n // 8),
                "torchattacks": lambda: by_torchattacks(network, images[:few]),
                "bare": lambda: passes(plain=counted.plain, graph=counted.graph, backward=counted.backward),
            },
            repeats=2,
            warm=False,  # to save time: all but the bare passes have run, or take many seconds
        )
    share = taken.pop("bare").median / taken["Friendly Fire"].median
    rows = []
    for contender, timing in taken.items():
        found = timing.result
        # Contenders with fewer images are compared on those images.
        ours = taken["Friendly Fire"].result[: len(found)]
        fooled = network(images[: len(found)] + found).argmax(1) != sources[: len(found)]
        norm, our_norm = (each[fooled].flatten(1).norm(dim=1).mean().item() for each in (found, ours))
        rows.append(
            {
                "network": name,
                "contender": contender,
                "images": len(found),
                "images_per_second": len(found) / timing.median,
                "low": len(found) / timing.high,
                "high": len(found) / timing.low,
                "fooled": fooled.float().mean().item(),
                "mean_norm": norm,
                "our_norm": our_norm,
            }
        )
    table = pd.DataFrame(rows)
    by_name, goals = table.set_index("contender"), []
    mine = by_name.loc["Friendly Fire"]
    for peer, factor in ((foolbox, 3), ("torchattacks", 50)):
        other = by_name.loc[peer]
        faster, longer = mine.images_per_second / other.images_per_second, other.our_norm / other.mean_norm - 1
        compared = f"norm {100 * longer:+.2f} %" if other.fooled else "it fools none"
        reached = f"{faster:.1f} times ({mine.images_per_second:,.0f} images/s), {compared}"
        met = faster >= factor and not longer > 1e-3 and mine.fooled >= other.fooled  # NaN where it fools none
        goals.append(Goal(f"DeepFool, {name}", peer, f"{factor} times, norm at most +0.1 %", reached, met))
    needed = f"its {counted.plain + counted.graph:,} forward and {counted.backward:,} backward passes, bare"
    goals.append(Goal(f"DeepFool, {name}", needed, "80 %", f"{100 * share:.0f} %", share >= 0.8))
    return table, goals


def measure_bounded(name: str, n: int) -> list[Goal]:
    """Compare attacks within [0, 1] on one network: speed, targeted success, and distance from the best attack."""
    network, images = network_and_images(name)
    images = images[:n]
    sources = network(images).argmax(1)
    targets = (sources + 1) % 10
    references = {
        "DDN, 300 steps": lambda: adv_lib().ddn(network, images, sources, steps=300, levels=None) - images,
        "ALMA, 300 steps": lambda: adv_lib().alma(network, images, sources, distance="l2", num_steps=300) - images,
        "adv-lib's SuperDeepFool": lambda: adv_lib().superdeepfool.sdf(network, images, sources) - images,
    }
    contenders = {
        "DeepFool": lambda: deepfool(network, images, bounds=(0, 1)).overshot,
        "adv-lib's DeepFool": lambda: by_adv_lib(network, images),
        "refined DeepFool": lambda: deepfool(network, images, bounds=(0, 1), **REFINED).overshot,
    }
    seconds, found = in_turns(contenders)
    found |= {reference: compute() for reference, compute in references.items()}
    fooled = {key: network(images + r).argmax(1) != sources for key, r in found.items()}
    norms = {key: r.flatten(1).norm(dim=1).where(fooled[key], torch.inf) for key, r in found.items()}
    best = torch.stack(list(norms.values())).min(0).values.median()
    above = ", ".join(f"{key} {100 * (norm.median() / best - 1):+.1f} %" for key, norm in norms.items())

    faster, low, high = ratio(seconds["adv-lib's DeepFool"], seconds["DeepFool"])
    both = fooled["DeepFool"] & fooled["adv-lib's DeepFool"]
    longer = (norms["DeepFool"][both].mean() / norms["adv-lib's DeepFool"][both].mean() - 1).item()
    no_less = fooled["DeepFool"].sum() >= fooled["adv-lib's DeepFool"].sum()
    ours, theirs = Counted(network), Counted(network)
    deepfool(ours, images, bounds=(0, 1))
    by_adv_lib(theirs, images)
    passes = passes_compared(ours, theirs)
    slower, least, most = ratio(seconds["refined DeepFool"], seconds["DeepFool"])
    limit = min(norms["DDN, 300 steps"].median(), norms["ALMA, 300 steps"].median())
    beyond = (norms["refined DeepFool"].median() / limit - 1).item()
    reached = deepfool(network, images, targets).converged.double().mean().item()
    what = f"in [0, 1], {name}"
    return [
        Goal(
            f"DeepFool {what}",
            "adv-lib",
            "3 times, norm at most +0.1 %",
            f"{faster:.1f} times ({low:.1f} to {high:.1f}), norm {100 * longer:+.2f} %, with {passes}",
            faster >= 3 and longer <= 1e-3 and bool(no_less),
        ),
        Goal(
            f"refined DeepFool {what}",
            "better of DDN and ALMA; DeepFool's time",
            "median norm +1 %, 3 times",
            f"{100 * beyond:+.1f} %, {slower:.1f} times ({least:.1f} to {most:.1f})",
            beyond <= 0.01 and slower <= 3,
        ),
        Goal(f"medians {what}", "median of the smallest of all, per image", "", above, True),
        Goal(f"targeted DeepFool, {name}", "success", "99 %", f"{100 * reached:.1f} %", reached >= 0.99),
    ]


def in_turns(contenders: dict[str, Callable[[], Tensor]], turns: int = 3) -> tuple[dict[str, list[float]], dict]:
    """Run all contenders in turn; return the seconds of each turn, and what each contender computes."""
    runs = [alternating(contenders, repeats=1, warm=turn == 0) for turn in range(turns)]
    return {key: [run[key].median for run in runs] for key in contenders}, {
        key: timing.result for key, timing in runs[-1].items()
    }


def ratio(of: list[float], to: list[float]) -> tuple[float, float, float]:
    """Return the median of the ratios of the turns, and their range."""
    ratios = [one / other for one, other in zip(of, to, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def peak_of_a_step(library: str) -> None:
    """Print the growth of this process's peak memory, in MiB, during one step on one image of ImageNet's size."""
    classes, side = IMAGENET
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 11, 4), nn.GELU(), nn.AdaptiveAvgPool2d(6), nn.Flatten())
    network = network.append(nn.Linear(288, classes)).eval().requires_grad_(False)
    image = torch.rand(1, 3, side, side)
    attacks = {
        "friendlyfire": lambda: deepfool(network, image, candidates=10, max_iterations=1),
        "friendlyfire, all classes": lambda: deepfool(network, image, candidates=classes, max_iterations=1),
        "adv-lib": lambda: adv_lib().df(network, image, network(image).argmax(1), steps=1),
    }
    adv_lib()
    torch.autograd.grad(network(image.requires_grad_(True)).sum(), image)  # what the first gradient allocates
    image = image.detach()
    # The peak of this program alone, from now on: getrusage's is at least that of the process that started it.
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_memory()
    attacks[library]()
    print((peak_memory() - before) / 2**20)


def measure_memory() -> Goal:
    """Compare the memory of one step at 1,000 classes, each in a process of its own."""
    taken = {}
    for library in ("friendlyfire", "friendlyfire, all classes", "adv-lib"):
        code = f"from benchmarks.attacks import peak_of_a_step; peak_of_a_step({library!r})"
        run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        taken[library] = float(run.stdout)
    share = taken["friendlyfire"] / taken["adv-lib"]
    reached = ", ".join(f"{library} {mebibytes:,.0f} MiB" for library, mebibytes in taken.items())
    return Goal("memory of one step, 1,000 classes, 224 px", "adv-lib", "a tenth", reached, share <= 0.1)
