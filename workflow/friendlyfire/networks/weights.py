"""Tensors on disk: safetensors files and state dicts, checked when read and when loaded into a network."""

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

#: Keys under which checkpoints hold a state dict beside other things.
CHECKPOINT = ("state_dict", "model_state_dict", "model")

#: What DataParallel puts before every name.
PARALLEL = "module."


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Load a state dict from a safetensors file or a ``torch.save`` file; pickled objects are not loaded.

    A file of :func:`.save_network` gives the state dict of the body, without the preprocessing. Of a checkpoint, the
    state dict is taken that it holds as ``state_dict``, ``model_state_dict`` or ``model``.

    Raises:
        NetworkError: the file is missing, has another format, or holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise NetworkError(f"weights {path} do not exist")
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
    if isinstance(state, dict):
        state = next((state[key] for key in CHECKPOINT if isinstance(state.get(key), dict)), state)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        keys = f" with the keys {', '.join(map(str, list(state)[:5]))}" if isinstance(state, dict) else ""
        raise NetworkError(f"weights {path} hold a {type(state).__name__}{keys}, not a state dict of tensors")
    return state


def load_weights(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load ``state`` into ``module``, with or without the prefix of DataParallel; change nothing on failure.

    Raises:
        NetworkError: the names or shapes differ, or a weight is not finite; the message has the first difference.
    """
    own = module.state_dict()
    if all(str(name).startswith(PARALLEL) for name in state) and not any(name.startswith(PARALLEL) for name in own):
        state = {name.removeprefix(PARALLEL): value for name, value in state.items()}
    for name in [*own, *state]:
        here, there = (tuple(side[name].shape) if name in side else "absent" for side in (own, state))
        if here != there:
            raise NetworkError(
                f"weights {source} belong to another architecture: {name} is {there} there and {here} in the network "
                f"({len(state)} and {len(own)} tensors)"
            )
        if state[name].is_floating_point() and not state[name].isfinite().all():
            raise NetworkError(f"weights {source}: {name} holds values that are not finite")
    module.load_state_dict(state)


def contents_of(state: Mapping[str, Tensor]) -> str:
    """Return a digest of the tensors of a state dict (SHA-256, 16 hex digits); safetensors has no checksum."""
    total = hashlib.sha256()
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()[:16]


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load the tensors and the record of a file; raise a ValueError if the tensors have changed."""
    state, record = load_file(path), record_of(path)
    if record and contents_of(state) != record["contents"]:
        raise ValueError("its weights have changed since they were written")
    return state, record


def save_tensors(path: str | os.PathLike[str], state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file next to ``path`` and move it there; raise an OSError if that fails."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    with whole(path) as partial:
        try:
            save_file(tensors, partial, dict(metadata))
        except SafetensorError as error:
            raise OSError(f"{path} cannot be written: {error}") from error
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)  # safetensors makes it readable for its owner only
