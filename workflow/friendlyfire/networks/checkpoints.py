"""Checkpoints of trainings: written after each epoch, and used only to resume the same training."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from friendlyfire.networks.training import Epoch
from friendlyfire.networks.weights import contents_of, save_tensors


def write_checkpoint(path: Path, identity: str, curve: Sequence[Epoch], state: Mapping[str, Tensor]) -> None:
    """Write a checkpoint: the last epoch's weights and momentum, and the learning curve so far."""
    rows = json.dumps([asdict(epoch) for epoch in curve])
    save_tensors(path, state, {"identity": identity, "curve": rows, "contents": contents_of(state)})


def read_checkpoint(path: Path, identity: str) -> tuple[list[Epoch], dict[str, Tensor] | None]:
    """Load a checkpoint of :func:`write_checkpoint`, if it has the same settings, seed, code and data."""
    if not path.exists():
        return [], None
    try:
        with safe_open(path, "pt") as file:
            kept = file.metadata()
        if kept["identity"] == identity:
            curve, state = [Epoch(**row) for row in json.loads(kept["curve"])], load_file(path)
            if contents_of(state) == kept["contents"]:
                logging.info("resuming after epoch %d", len(curve))
                return curve, state
            raise ValueError("its tensors have changed since they were written")
        logging.info("%s belongs to other settings or code: training starts from scratch", path)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        logging.info("%s is damaged (%s): training starts from scratch", path, error)
    return [], None
