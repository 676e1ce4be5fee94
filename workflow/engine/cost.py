"""What an experiment costs: images in training steps, gradients and forward passes, counted from its configuration.

Counts that depend on the network, such as the iterations of DeepFool, are typical ones: see :data:`STEPS`. Jobs without
a network, such as decompositions of matrices, are not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.kinds import attack_kind
from engine.repetitions import compared
from engine.sections import experiment_settings, is_trained
from friendlyfire.datasets.sources import HELD_OUT, image_shape, known_classes, known_images
from friendlyfire.declarations import declared

#: Iterations of DeepFool, free or targeted, confined to few directions, and gradients per iteration after the first,
#: which considers all candidates. ASSUME: as on the networks measured here, see docs/explanation/counts.md.
STEPS, CONFINED_STEPS, NEAR = 3, 8, 2

#: Classes of a folder of images that is not there yet.
USUAL_CLASSES = 10


@dataclass
class Work:
    """Numbers of images that pass through the network."""

    trained: float = 0  #: in training steps
    gradients: float = 0  #: forward, and backward to the pixels
    passes: float = 0  #: forward only

    def __add__(self, other: "Work") -> "Work":
        return Work(self.trained + other.trained, self.gradients + other.gradients, self.passes + other.passes)

    def __rmul__(self, factor: float) -> "Work":
        return Work(factor * self.trained, factor * self.gradients, factor * self.passes)


def number(grid: int | list[int]) -> int:
    """Return how many ranks a key of the configuration asks for: a number, or a list of them."""
    return grid if isinstance(grid, int) else len(grid)


def training(networks: Mapping[str, Any]) -> Work:
    """Return the work of a training, per training image."""
    robust = networks["robust"]
    per_step = declared("robust")[robust]["gradients"] if robust else 0
    gradients = per_step if isinstance(per_step, int) else networks[robust][per_step]
    return networks["epochs"] * Work(trained=1, gradients=gradients)


def work(config: Mapping[str, Any], experiment: str) -> dict[str, Work]:
    """Return the work of each stage of one experiment, one repetition."""

    def of(stage: str) -> dict[str, Any]:
        return experiment_settings(config, experiment, stage)

    dataset = config["datasets"][config["experiments"][experiment]["dataset"]]
    channels, height, width = image_shape(dataset)
    pixels, classes, split = channels * height * width, known_classes(dataset) or USUAL_CLASSES, known_images(dataset)
    known, train = sum(split.values()), split["train"]
    figures, accuracy, scores, resampling = of("figures"), of("accuracy"), of("scores"), of("resampling")
    measured = min(accuracy["measured_images"] or known, known - train)

    def deepfool(steps: int = STEPS) -> Work:
        """One image, attacked by DeepFool."""
        candidates = min(of("perturbations")["deepfool"]["candidates"], classes) - 1
        return Work(gradients=candidates + (steps - 1) * NEAR, passes=1 + steps)

    targets = classes if of("boundary")["classes"] == "all" else len(of("boundary")["classes"])
    points = min(of("boundary")["images"], known) * targets
    curvature = of("curvature")
    dense = curvature["solver"] == "dense"
    products = pixels if dense else curvature["max_products"]
    ends = 1 if curvature["hessian"] == "one-sided" else 2
    per_point = ends * (products + curvature["leading"])  # the last for the residual
    held_out = dataset.get("held_out") or HELD_OUT
    attacked = min(of("perturbations")["images"] + held_out, known)
    uap = of("perturbations")["uap"]
    attacks = [attack_kind(config, experiment, name)[0]["gives"] for name in of("fractions")["attacks"]]
    universal = uap["count"] * uap["images"] * uap["max_passes"] * (Work(passes=1) + deepfool())

    bases, drawn = list(dict.fromkeys(figures["fig3"] + figures["fig4"])), of("bases")
    of_gradients = {
        "jacobian": min(drawn["jacobian_images"], known) * classes,
        "untrained": drawn["untrained_networks"] * min(drawn["untrained_images"], known),
    }
    others = len(compared(config, experiment))
    grids = [accuracy["directions_per_class" if name.startswith("curvature") else "ranks"] for name in bases]
    ranks = sum(map(number, grids))
    confined = of("confinement")
    sides, kinds = len(resampling["sides"]), [*figures["scores"], *(["random"] if figures["scores"] else [])]
    moved = min(targets, scores["classes"]) * scores["steps"] * (scores["images"] + scores["anchored_images"])
    slopes, walked, viewed, explored = of("slopes"), of("walks"), of("views"), of("pages")["explorer"]
    followed = 3 if dense else 2  # kinds of directions
    sloped = min(slopes["directions"], pixels if dense else 2 * curvature["directions"])
    places = followed * (2 * walked["steps"] + 1) + followed * (followed - 1) / 2 * (2 * walked["grid"] + 1) ** 2
    views = len(explored) * number(viewed["ranks"])
    blocks = len(figures["margins"]) * min(of("margins")["blocks"], pixels)
    splits = len(figures["manifold"]) * len(of("manifold")["variances"])
    side = min(height, 2 * of("heatmap")["reach"] + 1)

    return {
        "training": train * training(of("networks")) if is_trained(config, experiment) else Work(),
        "perturbations": attacked * (deepfool() + Work(gradients=len(attacks) - 2))
        + ("universal" in attacks) * universal,
        "boundary": points * Work(gradients=STEPS, passes=1 + STEPS),
        "curvature": points * Work(gradients=per_point),
        "bases": Work(gradients=sum(of_gradients.get(name, 0) for name in bases)),
        "accuracy": Work(passes=ranks * (measured + min(accuracy["training_images"] or train, train))),
        "confinement": len(figures["fig5"]) * number(confined["ranks"]) * confined["images"] * deepfool(CONFINED_STEPS),
        "scores": Work(passes=len(kinds) * moved),
        "transfer": Work(passes=3 * others * min(of("transfer")["images"], measured)),
        "slopes": Work(passes=slopes["classes"] * sloped * slopes["images"] * scores["steps"]),
        "walks": Work(passes=bool(explored) * walked["images"] * min(targets, walked["classes"]) * places),
        "views": views * walked["images"] * (Work(passes=2) + deepfool(CONFINED_STEPS)),
        "margins": blocks * of("margins")["images"] * deepfool(CONFINED_STEPS),
        "manifold": 3 * splits * of("manifold")["images"] * deepfool(CONFINED_STEPS),
        "heatmap": figures["frequency"] * of("heatmap")["images"] * Work(passes=side**2 / 2),
        "resampling": resampling["images"]
        * ((1 + sides) * deepfool() + sides * (deepfool(CONFINED_STEPS) + Work(passes=len(resampling["factors"])))),
    }
