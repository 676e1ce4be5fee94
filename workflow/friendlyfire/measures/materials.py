"""Materials of measures: one function per word of ``from`` in their declarations."""

from contextlib import ExitStack
from typing import Any

from friendlyfire.bases.basis import Basis, read_basis
from friendlyfire.datasets.images import Dataset
from friendlyfire.records.stores import Store, open_store


def dataset(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> Dataset:
    """Return the images, by role."""
    return Dataset(stores.enter_context(open_store(inputs.dataset, "dataset")))


def network(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> Any:
    """Load the network, in evaluation mode, on the device of the job."""
    from friendlyfire.devices import resolve_device
    from friendlyfire.networks.network import load_network

    return load_network(inputs.network, resolve_device(settings["device"]))


def basis(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> Basis:
    """Load the job's basis."""
    return read_basis(inputs.basis, settings["experiment"])


def bases(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> list[Basis]:
    """Load several bases, in the order of the input."""
    return [read_basis(path, settings["experiment"]) for path in inputs.bases]


def perturbations(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> list[Store]:
    """Open the stores of the perturbations, one per attack."""
    return _stores(inputs.perturbations, "perturbations", settings, stores)


def boundary(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> list[Store]:
    """Open the stores of the boundary points, one per shard."""
    return _stores(inputs.boundary, "boundary", settings, stores)


def curvature(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> list[Store]:
    """Open the stores of the eigenpairs of the mean Hessians, one per shard."""
    return _stores(inputs.curvature, "curvature", settings, stores)


def ours(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> list[Store]:
    """Open the stores of the network's own directions of attack, and of the perturbations that they come from."""
    return [stores.enter_context(open_store(path, None, settings["experiment"])) for path in inputs.ours]


def theirs(inputs: Any, settings: dict[str, Any], stores: ExitStack) -> list[Store]:
    """Open the stores of another network's directions of attack, and of its accuracy on them."""
    return [stores.enter_context(open_store(path, None, settings["theirs"])) for path in inputs.theirs]


def _stores(paths: list[str], kind: str, settings: dict[str, Any], stores: ExitStack) -> list[Store]:
    return [stores.enter_context(open_store(path, kind, settings["experiment"])) for path in paths]
