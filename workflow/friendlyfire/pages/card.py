"""The card of a network: what was measured, in plain words, on one page."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader

PAGES = {
    "card": {
        "make": "card",
        "title": "Card",
        "section": "Card",
        "folder": "cards",
        "reads": {"verdicts": "figures/scorecard.csv"},
        "options": {},
    },
}

#: Templates beside this file; every value is escaped.
TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)


def card(experiment: str, network: pd.DataFrame, verdicts: pd.DataFrame) -> str:
    """Return the card of an experiment's network.

    Args:
        experiment: its name.
        network: its architecture and accuracy.
        verdicts: on the claims, of all experiments of the suite.
    """
    mine = verdicts[verdicts["experiment"] == experiment]
    return TEMPLATES.get_template("card.html").render(experiment=experiment, network=network.iloc[0], verdicts=mine)
