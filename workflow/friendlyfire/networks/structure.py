"""The structure of a network beyond its weights: its modules, and their plain attributes.

A library may build one network in two ways with the same weights: torchvision's Inception v3 and GoogLeNet rescale
their inputs (transform_input) if they are built with published weights, and GoogLeNet drops its auxiliary heads.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

Plain = bool | int | float | str | None


def attributes_of(body: nn.Module) -> dict[str, dict[str, Plain]]:
    """Return the public attributes of every module of ``body`` that are numbers, strings, booleans or None, by name."""
    return {name: _plain(module) for name, module in body.named_modules()}


def restore_attributes(body: nn.Module, modules: Mapping[str, Mapping[str, Any]]) -> None:
    """Restore the attributes of :func:`attributes_of`, and remove modules that are not among them."""
    found = dict(body.named_modules())
    for name, module in found.items():
        for key, value in _plain(module).items():
            kept = modules.get(name, {}).get(key, value)
            if kept != value:
                setattr(module, key, kept)
        if name not in modules:
            parent, _, child = name.rpartition(".")
            setattr(found[parent], child, None)


def _plain(module: nn.Module) -> dict[str, Plain]:
    return {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, Plain) and not key.startswith("_") and key != "training"
    }
