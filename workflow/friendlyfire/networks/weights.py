"""Tensors on disk: safetensors files and state dicts, checked when they are read and when they are loaded."""

import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from friendlyfire.networks.headers import record_of
from friendlyfire.records.errors import NetworkError, in_a_line
from friendlyfire.records.files import whole


def read_weights(path: str | os.PathLike) -> dict[str, Tensor]:
    """A state dict from a safetensors file or a ``torch.save`` file; never a pickled object.

    Of a network that :func:`.save_network` wrote, it is the body's, without the preprocessing.

    Raises:
        NetworkError: the file is missing, is not one of these, or holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise NetworkError(f"weights {path} are not there")
    try:
        if path.suffix == ".safetensors":
            state, record = read_safetensors(path)
            bodies = {name.removeprefix("body."): value for name, value in state.items() if name.startswith("body.")}
            return bodies if record else state
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        pickled = isinstance(error, pickle.UnpicklingError)
        reason = "it holds pickled objects, which are not loaded" if pickled else in_a_line(error)
        raise NetworkError(
            f"weights {path} are not a safetensors file or a state dict of tensors ({reason}); "
            "save them with safetensors.torch.save_file(model.state_dict(), ...)"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise NetworkError(f"weights {path} hold a {type(state).__name__}, not a state dict of tensors")
    return state


def load_weights(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load ``state`` into ``module``, all or nothing.

    Raises:
        NetworkError: the names or shapes differ, or a weight is not finite; with the first difference.
    """
    own = module.state_dict()
    for name in [*own, *state]:
        here, there = (tuple(side[name].shape) if name in side else "absent" for side in (own, state))
        if here != there:
            raise NetworkError(
                f"weights {source} are of another architecture: {name} is {there} there and {here} in the network "
                f"({len(state)} and {len(own)} tensors)"
            )
        if state[name].is_floating_point() and not state[name].isfinite().all():
            raise NetworkError(f"weights {source}: {name} holds values that are not finite")
    module.load_state_dict(state)


def contents_of(state: Mapping[str, Tensor]) -> str:
    """Sixteen hex digits that stand for the tensors of a state dict (SHA-256); safetensors has no checksum."""
    total = hashlib.sha256()
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()[:16]


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, and what :func:`record_of` reads beside them; a ValueError if they are not those that were written."""
    state, record = load_file(path), record_of(path)
    if record and contents_of(state) != record["contents"]:
        raise ValueError("its weights are not those that were written")
    return state, record


def save_tensors(path: str | os.PathLike, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside ``path`` and move it there; an OSError if the disk does not take it."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    with whole(path) as partial:
        try:
            save_file(tensors, partial, dict(metadata))
        except SafetensorError as error:
            raise OSError(f"{path} cannot be written: {error}") from error
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)  # safetensors lets nobody else read it
