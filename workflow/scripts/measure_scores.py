"""A network, images and the directions of each class -> class scores along them, and the form of these curves."""

from engine.job import progress, run

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from engine.notes import made
from friendlyfire.datasets.images import Dataset
from friendlyfire.devices import resolve_device
from friendlyfire.measures.scores import curve_form, scores_along, separability
from friendlyfire.networks.network import as_pixels, load_network, predict
from friendlyfire.records.errors import ConfigError
from friendlyfire.records.intervals import mean_interval, wilson_interval
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store, open_store
from friendlyfire.records.tables import write_table

#: Sort keys of a class's eigenvalues: the first direction of an order is the one that is followed.
KINDS = {"positive": np.negative, "negative": np.positive, "flat": np.abs}

#: Directions of each class that are kept as pictures.
KEPT = 2

#: Pictures of one image on its way along the direction.
PICTURES = 5

#: Images carried into the class below which the median of their softmax is left out.
ENOUGH = 10

#: Percentiles of the scores over the images, as in the paper's figure 2.
PERCENTILES = (30, 50, 70)


def main(inputs, outputs, settings):
    section, device, kind = settings["scores"], resolve_device(settings["device"]), settings["kind"]
    network = load_network(inputs.network, device)
    with open_store(inputs.dataset, "dataset") as store:
        dataset = Dataset(store)
        part = dataset.part("measured", section["images"])
        images, indices = as_pixels(part.images(), device), part.indices()
        mean = torch.from_numpy(dataset.mean).float().to(device)
    clean = predict(network, images).argmax(1).cpu().numpy()
    # The range of the movement: as far as the images are from their mean.
    extent = section["extent"] * float((images - mean).flatten(1).norm(dim=1).mean())
    steps = torch.linspace(-extent, extent, section["steps"], device=device)
    directions = read_directions(inputs.curvature, settings["experiment"], kind)
    shown, positions = section["shown"], steps.cpu().numpy()
    if shown not in directions:
        raise ConfigError(f"scores.shown: {settings['experiment']} has classes 0 to {max(directions)}, not {shown}")
    seed = derive_seed(settings["seed"], "scores", settings["experiment"])  # the same classes for all kinds
    rest = np.random.default_rng(seed).permutation([c for c in sorted(directions) if c != shown])
    chosen = sorted([shown, *rest[: section["classes"] - 1].tolist()])
    rng = np.random.default_rng(derive_seed(settings["seed"], "scores", settings["experiment"], kind))
    pictured = np.linspace(0, len(steps) - 1, PICTURES).round().astype(int)
    populations, forms = [], []
    for c in progress(chosen, "classes"):
        direction = torch.from_numpy(directions[c][0]).reshape(dataset.shape).to(device)
        scores = scores_along(network, images, direction, steps)
        # Components are those of the mean-subtracted images.
        components = steps + (mean * direction).sum()
        anchored = scores_along(network, images[: section["anchored_images"]], direction, components, anchored=True)
        name = {"class": dataset.class_names[c]}
        populations.append(population(scores, clean, c, positions).assign(**name))
        forms.append({**name, **form(scores[:, :, c], anchored[:, :, c], positions, rng)})
        if c == shown:
            curves = curve_table(scores[: section["curves"]], c, positions, indices, dataset.class_names)
            curves["class"] = dataset.class_names[c]
            moved = images[0] + steps[pictured, None, None, None] * direction
            named = scores[0, pictured].argmax(1)
    tables = {"population": pd.concat(populations), "form": pd.DataFrame(forms), "curves": curves}
    for output, table in tables.items():
        table.insert(0, "experiment", settings["experiment"])
        table.insert(1, "kind", kind)
        table.insert(2, "role", "measured")
        write_table(getattr(outputs, output), table, settings)
    record = {
        "experiment": settings["experiment"],
        "kind": kind,
        "classes": [dataset.class_names[c] for c in chosen],
        "shown": dataset.class_names[shown],
        "predicted": [dataset.class_names[c] for c in named],
        "settings": section,
        **made(settings),
        "units": "pixels in [0, 1]; directions: unit norm",
    }
    with create_store(outputs.pictures, "pictures", record) as store:
        store.array("directions", np.stack([directions[c] for c in chosen]).reshape(-1, KEPT, *dataset.shape))
        store.array("steps", positions[pictured])
        store.array("images", moved.cpu().numpy())


def read_directions(paths: list[str], experiment: str, kind: str) -> dict[int, np.ndarray]:
    """The first directions (2, d) of one kind, of each class."""
    found = {}
    for path in paths:
        with open_store(path, "curvature", experiment) as store:
            for c in store.record["classes"]:
                order = np.argsort(KINDS[kind](store[f"{c}/values"][store[f"{c}/kept"]]), kind="stable")[:KEPT]
                found[c] = store[f"{c}/vectors"].T[order]
    return found


def population(scores: np.ndarray, clean: np.ndarray, target: int, steps: np.ndarray) -> pd.DataFrame:
    """What the movement does to all images together: the curves of the paper's figure 2.

    Args:
        scores: (n, s, classes).
        clean: (n,) predicted classes of the images where they are.
        target: the direction's class.
        steps: (s,).
    """
    rivals = np.delete(scores, target, axis=2).max(2)
    there = (scores.argmax(2) == target) & np.isfinite(scores).all(2)  # (n, s)
    others, own = clean != target, clean == target
    confidence = softmax(scores, axis=2)[:, :, target]
    table = pd.DataFrame({"s": steps, "s_relative": steps / np.abs(steps).max()})
    for name, values in (("target", scores[:, :, target]), ("rival", rivals)):
        for percentile in PERCENTILES:
            table[f"{name}_p{percentile}"] = np.percentile(values, percentile, axis=0)
    for name, members in (("carried", others), ("stays", own)):
        counts = there[members].sum(0)
        bounds = [wilson_interval(int(k), members.sum()) if members.any() else (np.nan, np.nan) for k in counts]
        table[name] = counts / max(members.sum(), 1)
        table[f"{name}_ci_low"], table[f"{name}_ci_high"] = zip(*bounds, strict=True)
        table[f"{name}_images"] = members.sum()
    carried = there & others[:, None]
    table["softmax_median"] = [
        np.median(confidence[carried[:, k], k]) if carried[:, k].sum() >= ENOUGH else np.nan for k in range(len(steps))
    ]
    return table


def form(curves: np.ndarray, anchored: np.ndarray, steps: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Symmetry, monotonicity and additive separability of one class's curves, with 95 % intervals and their floors."""
    found, parts = curve_form(curves, steps, rng), separability(anchored)
    row = {"centre": found.centre}
    for name in ("symmetry", "monotonicity"):
        values = getattr(found, name)
        low, high = mean_interval(values, bounds=(0, 1)) if len(values) else (np.nan, np.nan)
        row |= {name: values.mean() if len(values) else np.nan, f"{name}_ci_low": low, f"{name}_ci_high": high}
        row[f"{name}_floor"] = getattr(found, f"{name}_floor")
    row["separability"], row["separability_floor"] = parts.additive, parts.additive_floor
    row["separability_ci_low"], row["separability_ci_high"] = parts.additive_interval
    row["interaction"] = parts.interaction
    row["interaction_ci_low"], row["interaction_ci_high"] = parts.interaction_interval
    return {**row, "images": len(curves), "moving": len(found.symmetry), "anchored_images": len(anchored)}


def curve_table(
    scores: np.ndarray, target: int, steps: np.ndarray, indices: np.ndarray, names: list[str]
) -> pd.DataFrame:
    """The target's score of single images along the direction, with what they are classified as: figure 1."""
    return pd.DataFrame(
        {
            "image": np.repeat(indices[: len(scores)], len(steps)),
            "s": np.tile(steps, len(scores)),
            "score": scores[:, :, target].reshape(-1),
            "predicted": np.array(names)[scores.argmax(2).reshape(-1)],
        }
    )


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
