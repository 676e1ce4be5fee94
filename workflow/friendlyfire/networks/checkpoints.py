"""What a killed training needs to continue: kept after each epoch, and used only by the same training."""

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
    """Keep what a killed training needs to continue: the last epoch's weights and momentum, and the curve so far."""
    rows = json.dumps([asdict(epoch) for epoch in curve])
    save_tensors(path, state, {"identity": identity, "curve": rows, "contents": contents_of(state)})


def read_checkpoint(path: Path, identity: str) -> tuple[list[Epoch], dict[str, Tensor] | None]:
    """Read what :func:`write_checkpoint` kept, if it is of the same settings, seed, code and data."""
    if not path.exists():
        return [], None
    try:
        with safe_open(path, "pt") as file:
            kept = file.metadata()
        if kept["identity"] == identity:
            curve, state = [Epoch(**row) for row in json.loads(kept["curve"])], load_file(path)
            if contents_of(state) == kept["contents"]:
                logging.info("going on after epoch %d", len(curve))
                return curve, state
            raise ValueError("its tensors are not those that were written")
        logging.info("%s is of other settings or code: training starts anew", path)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        logging.info("%s is damaged (%s): training starts anew", path, error)
    return [], None
