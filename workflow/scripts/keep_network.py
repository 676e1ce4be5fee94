"""A network that was trained or brought -> its file, a row of its accuracy, and a line on the console; or a refusal."""

from engine.job import announce

import numpy as np
import pandas as pd
import torch

from friendlyfire.datasets.images import Dataset, Part
from friendlyfire.figures.captions import sub_network
from friendlyfire.networks.acceptance import check_above_chance, check_accuracy, check_alone
from friendlyfire.networks.network import PROBES, Network, save_network
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.tables import write_table


def keep_network(
    outputs,
    network: Network,
    dataset: Dataset,
    part: Part,
    settings: dict,
    correct: int,
    way_out: str,
    names: list[str] | None = None,
) -> None:
    """Write a network that classifies ``correct`` of some measured images, unless that is not acceptable.

    Args:
        outputs: of the rule.
        network: in evaluation mode.
        dataset: what it classifies.
        part: the images that its accuracy is of.
        settings: of the job.
        correct: how many of these it classifies correctly.
        way_out: what to do about a network that is not as accurate as it shall be.
        names: of all of its logits, None if these are the classes of the data set.
    """
    section, experiment, classes = settings["networks"], settings["experiment"], len(dataset.class_names)
    images, name = len(part), f"the network of {experiment}"
    check_above_chance(correct, images, float(np.bincount(part.labels()).max() / images), name, way_out)
    check_accuracy(correct, images, section["expected_accuracy"], section["accuracy_tolerance"], name, way_out)
    logits, (low, high) = len(names or dataset.class_names), wilson_interval(correct, images)
    row = {
        "experiment": experiment,
        "architecture": section["architecture"],
        "weights": section["weights"] or "trained",
        "logits": logits,
        "classes": classes,
        "accuracy": correct / images,
        "ci_low": low,
        "ci_high": high,
        "images": images,
    }
    announce(
        f"{experiment}: {section['architecture']}, test accuracy {100 * correct / images:.1f} %"
        f"{sub_network(logits, classes)} ({images:,} images, 95 % interval {100 * low:.1f} to {100 * high:.1f})"
    )
    record = {
        "experiment": experiment,
        "settings": section,
        "seed": settings["seed"],
        "shape": dataset.shape,
        "classes": logits,
        "names": names,
        "test_accuracy": correct / images,
        "units": "images: pixels in [0, 1]",
    }
    probes = torch.from_numpy(part.images(0, PROBES))
    check_alone(network, (probes.float() / 255).to(network.mean.device), section["architecture"])
    write_table(outputs.accuracy, pd.DataFrame([row]), settings)
    save_network(outputs.network, network, record, probes)
