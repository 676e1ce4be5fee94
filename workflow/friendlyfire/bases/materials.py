"""Materials of bases: one function per value of ``from`` in their declarations.

Each function returns the materials by parameter name. They are read only if a basis function has that parameter.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from friendlyfire.attacks.statuses import Status
from friendlyfire.bases.basis import Basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.declarations import Kind
from friendlyfire.records.stores import open_store

Materials = dict[str, Callable[[], Any]]


def dataset(inputs: Any, settings: dict[str, Any], kind: Kind, stores: ExitStack) -> tuple[Materials, dict[str, Any]]:
    """Return the mean-subtracted images that make directions; pixels in [0, 1]."""
    images = Dataset(stores.enter_context(open_store(inputs.dataset, "dataset")))
    limits = settings.get("bases", {})
    part, mean = images.part("directions", limits.get("pca_images")), images.mean.reshape(-1)

    def rows(chosen: slice) -> np.ndarray:
        return part.images(chosen.start, chosen.stop).reshape(-1, images.pixels) / 255 - mean

    return {
        "rows": lambda: rows,
        "number": lambda: len(part),
        "images": lambda: rows(slice(0, len(part))),
        "labels": part.labels,
        "part": lambda: part,
        "pixels": lambda: images.pixels,
        "shape": lambda: images.shape,
        "count": lambda: min(limits.get("directions") or images.pixels, images.pixels),
    }, {"settings": limits, "role": "directions", "images": len(part)}


def network(inputs: Any, settings: dict[str, Any], kind: Kind, stores: ExitStack) -> tuple[Materials, dict[str, Any]]:
    """Return the network, and the images that make directions as its input: tensors, without mean subtraction."""
    from friendlyfire.devices import resolve_device
    from friendlyfire.networks.network import as_pixels, load_network

    device, (materials, about) = resolve_device(settings["device"]), dataset(inputs, settings, kind, stores)
    part = materials["part"]()
    number = min(len(part), about["settings"].get(kind.get("images"), len(part)))
    return {
        **materials,
        "network": lambda: load_network(inputs.network, device),
        "images": lambda: as_pixels(part.images(0, number), device),
        "number": lambda: number,
    }, {**about, "images": number}


def architecture(
    inputs: Any, settings: dict[str, Any], kind: Kind, stores: ExitStack
) -> tuple[Materials, dict[str, Any]]:
    """Return a function of a seed that draws a network like the experiment's, and images as its input."""
    from friendlyfire.networks.network import draw_network

    materials, about = network(inputs, settings, kind, stores)
    like = materials["network"]()
    return {
        **materials,
        "draw": lambda: partial(draw_network, inputs.network, like),
        "networks": lambda: about["settings"]["untrained_networks"],
    }, about


def perturbations(
    inputs: Any, settings: dict[str, Any], kind: Kind, stores: ExitStack
) -> tuple[Materials, dict[str, Any]]:
    """Return the successful perturbations with unit norm, resampled if the kind has a ``side``.

    PAPER 4.3: unit norm, so all perturbations have equal weight.
    """
    store = stores.enter_context(open_store(inputs.perturbations, "perturbations", settings["experiment"]))
    fooled = np.flatnonzero(~store["held_out"] & (store["statuses"] == Status.CONVERGED) & (store["norms"] > 0))
    shape, side = store.record["shape"], kind["side"]

    def rows(chosen: slice) -> np.ndarray:
        found = store.rows("perturbations", fooled[chosen])
        if side:
            import torch  # takes 3 s, and only resampling needs it

            from friendlyfire.networks.resampled import resampled

            found = resampled(torch.from_numpy(found).reshape(-1, *shape), side).flatten(1).numpy()
        return found / np.linalg.norm(found.astype(np.float64), axis=1, keepdims=True).astype(np.float32)

    return {
        "rows": lambda: rows,
        "number": lambda: len(fooled),
        "perturbations": lambda: rows(slice(0, len(fooled))),
        "pixels": lambda: int(np.prod(shape)),
        "shape": lambda: shape,
    }, {"settings": store.record["settings"], "side": side, "perturbations": len(fooled)}


def curvature(inputs: Any, settings: dict[str, Any], kind: Kind, stores: ExitStack) -> tuple[Materials, dict[str, Any]]:
    """Return the eigenpairs of the mean Hessian of each class."""
    eigenpairs = {}
    for path in inputs.curvature:
        store = stores.enter_context(open_store(path, "curvature", settings["experiment"]))
        pixels = store.record["pixels"]
        for c in store.record["classes"]:
            eigenpairs[c] = store[f"{c}/values"][store[f"{c}/kept"]], store[f"{c}/vectors"]
    section = settings["curvature"]
    return {
        "eigenpairs": lambda: eigenpairs,
        "directions": lambda: section["directions"],
        "pixels": lambda: pixels,
    }, {"settings": section}


def basis(inputs: Any, settings: dict[str, Any], kind: Kind, stores: ExitStack) -> tuple[Materials, dict[str, Any]]:
    """Return another basis."""
    store = stores.enter_context(open_store(inputs.basis, "basis", settings["experiment"]))
    basis = Basis(store["vectors"], store["scores"], store["rounds"])
    about = {key: store.record[key] for key in ("settings", "side", "perturbations") if key in store.record}
    return {"basis": lambda: basis, "pixels": lambda: len(basis.vectors)}, {**about, "of": kind["of"]}


def experiment(
    inputs: Any, settings: dict[str, Any], kind: Kind, stores: ExitStack
) -> tuple[Materials, dict[str, Any]]:
    """Return a basis of another experiment."""
    store = stores.enter_context(open_store(inputs.basis, "basis"))
    about = {key: store.record[key] for key in ("settings", "side", "perturbations") if key in store.record}
    return {
        "basis": lambda: Basis(store["vectors"], store["scores"], store["rounds"]),
        "pixels": lambda: store.shape("vectors")[0],
    }, {**about, "of": f"{store.record['experiment']}/{store.record['basis']}"}
