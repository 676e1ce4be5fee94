"""Untargeted DeepFool with 10 classes, compared with Foolbox, torchattacks and ART, and with bare network passes."""

import logging
import warnings

import numpy as np
import pandas as pd
import torch

from benchmarks.harness import Counted, Goal, alternating, bare, network_and_images, seconds_of
from friendlyfire.attacks.deepfool import deepfool

#: Number of images per contender, by network; torchattacks attacks them one by one and gets fewer.
IMAGES = {"LeNet, 28 px": (360, 32), "NIN, 32 px": (64, 6), "AlexNet, 32 px": (96, 8)}

OPTIONS = {"steps": 50, "overshoot": 0.02}


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
    return pd.concat(tables), [goal for some in goals for goal in some]


def measure_network(name: str, n: int, few: int) -> tuple[pd.DataFrame, list[Goal]]:
    """Measure all contenders on one network."""
    network, images = network_and_images(name)
    images = images[:n]
    sources = network(images).argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the other libraries
        logging.getLogger("art").setLevel(logging.ERROR)
        batches = [n // 3, n]
        best = min(batches, key=lambda batch: seconds_of(lambda: by_foolbox(network, images, batch), 1))
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
        reached = f"{faster:.1f} times ({mine.images_per_second:,.0f} images/s), norm {100 * longer:+.2f} %"
        met = faster >= factor and longer <= 1e-3 and mine.fooled >= other.fooled
        goals.append(Goal(f"DeepFool, {name}", peer, f"{factor} times, norm at most +0.1 %", reached, met))
    needed = f"its {counted.plain + counted.graph:,} forward and {counted.backward:,} backward passes, bare"
    goals.append(Goal(f"DeepFool, {name}", needed, "80 %", f"{100 * share:.0f} %", share >= 0.8))
    return table, goals
