"""Boundary points of a network -> eigenpairs of its mean Hessian there, target class by target class."""

from engine.job import Progress, run

import logging
from dataclasses import asdict, fields

import numpy as np

from friendlyfire.curvature.hessians import MeanHessian
from friendlyfire.curvature.spectra import Eigenpairs, Quality, decompose_dense, decompose_lanczos
from friendlyfire.devices import resolve_device
from friendlyfire.networks.network import load_network
from friendlyfire.records.stores import create_store, open_store
from mean_hessians import WatchedHessian, mean_hessians, probes_of, record_of, seed_of


def main(inputs, outputs, settings):
    section, device = settings["curvature"], resolve_device(settings["device"])
    network = load_network(inputs.network, device)
    with open_store(inputs.boundary, "boundary", settings["experiment"]) as boundary:
        units = "step: pixels in [0, 1]; values: logits / pixel^2, positive ones lead into the class"
        record = {**record_of(settings, boundary), "units": units, "quality": [part.name for part in fields(Quality)]}
        with create_store(outputs.curvature, "curvature", record) as target:
            classes = boundary.record["classes"]
            progress = Progress("classes", len(classes))
            for number, c in enumerate(classes, start=1):
                halves = mean_hessians(network, boundary, c, settings, device)
                pairs = decompose(halves, c, settings, inputs.hessians, progress)
                logging.info("class %s: %s", boundary.record["class_names"][number - 1], asdict(pairs.quality))
                progress.reach(number)
                kept = kept_vectors(pairs.values, section)
                target.array(f"{c}/values", pairs.values)
                target.array(f"{c}/residuals", pairs.residuals)
                target.array(f"{c}/converged", pairs.converged)
                target.array(f"{c}/kept", kept)
                target.array(f"{c}/vectors", pairs.vectors[:, kept].astype(np.float32), axis=1)
                target.array(f"{c}/quality", np.array(list(asdict(pairs.quality).values()), dtype=np.float64))


def decompose(
    operators: tuple[list[MeanHessian], list[MeanHessian]],
    target: int,
    settings: dict,
    hessians: list[str],
    progress: Progress,
) -> Eigenpairs:
    """Eigenpairs of the mean Hessian of one target class; ``hessians`` are stores of what other jobs measured of it."""
    section = settings["curvature"]

    def halves(products: int) -> tuple[WatchedHessian, WatchedHessian]:
        return tuple(WatchedHessian(half, 2 * products, progress) for half in operators)

    if section["solver"] == "lanczos":
        return decompose_lanczos(
            halves(section["max_products"]),
            section["directions"],
            seed_of(target, settings),
            section["tolerance"],
            max_products=section["max_products"],
        )
    pixels = operators[0][0].pixels
    measured, gradients = gathered(hessians, target, settings["experiment"])
    products = section["leading"] + (0 if measured else pixels)
    pairs = decompose_dense(halves(products), probes_of(target, pixels, settings), section["leading"], measured)
    pairs.quality.gradients += gradients
    return pairs


def gathered(paths: list[str], target: int, experiment: str) -> tuple[list[np.ndarray], int]:
    """Products (d, d) of both halves with the probes, from the shares of the images, and the gradients they took.

    Added up block by block in the order of the images, as one job does it: to the same last digit.
    """
    sums, points, gradients = [0.0, 0.0], [0, 0], 0
    for path in paths:
        with open_store(path, "hessians", experiment) as store:
            for half in (0, 1):
                for block, count in enumerate(store[f"{target}/{half}/points"]):
                    sums[half] += count * store[f"{target}/{half}/{block}"]
                    points[half] += count
            gradients += int(store[f"{target}/gradients"])
    return [total / count for total, count in zip(sums, points, strict=True)] if paths else [], gradients


def kept_vectors(values: np.ndarray, section: dict) -> np.ndarray:
    """Which eigenvectors are stored: all, or the most positive, most negative and flattest ``directions``."""
    if section["directions"] == "all" or section["solver"] == "lanczos":
        return np.arange(len(values))
    m = section["directions"]
    flattest = np.argsort(np.abs(values), kind="stable")[:m]
    return np.unique(np.r_[np.arange(m), np.arange(len(values) - m, len(values)), flattest])


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
