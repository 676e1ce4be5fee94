"""The caption of a figure or table: its template, filled in, and the networks that it is of."""

from pathlib import Path
from typing import Any

from friendlyfire.figures.captions import network_accuracies
from friendlyfire.records.tables import read_tables


def write_caption(inputs: Any, outputs: Any, name: str = "caption", **words: str) -> None:
    """Fill the template ``inputs.<name>`` in and write it to ``outputs.<name>``.

    Args:
        inputs: of the rule; ``networks`` are the tables of the experiments' networks.
        outputs: of the rule.
        name: of the template and of the caption.
        words: what the braces of the template stand for.
    """
    text = Path(getattr(inputs, name)).read_text(encoding="utf-8").format(**words)
    sentence = network_accuracies(read_tables(inputs.networks))
    Path(getattr(outputs, name)).write_text(f"{text.rstrip()} {sentence}\n", encoding="utf-8")
