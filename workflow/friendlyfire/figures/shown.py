"""What a figure shows: the result of its function ``make``, and all that its function ``draw`` needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from friendlyfire.records.stores import Store, StoreWriter

#: Label and colour of each basis, by name. Colours are Okabe and Ito's, controls are grey.
Legend = Mapping[str, Mapping[str, str]]


class Strip(NamedTuple):
    """Pictures in a row, with a label each."""

    images: np.ndarray  #: (n, channels, height, width), uint8
    labels: list[str]


@dataclass
class Shown:
    """The numbers and pictures of a figure, and the words of its caption."""

    tables: dict[str, pd.DataFrame]  #: by their names in ``tables`` of the declaration
    pictures: dict[str, Strip] = field(default_factory=dict)  #: by the experiment, and what else tells them apart
    words: dict[str, str] = field(default_factory=dict)  #: for the braces of the declared caption


def strip(images: np.ndarray, labels: list[str]) -> Strip:
    """Return pictures as they are stored.

    Args:
        images: (n, channels, height, width), clipped to [0, 1].
        labels: n texts.
    """
    return Strip(np.round(np.clip(images, 0, 1) * 255).astype(np.uint8), list(labels))


def write_pictures(store: StoreWriter, pictures: Mapping[str, Strip]) -> None:
    """Write the images of pictures; :func:`labels_of` goes to the store's record."""
    for name, (images, _) in pictures.items():
        store.array(name, images)


def labels_of(pictures: Mapping[str, Strip]) -> dict[str, list[str]]:
    """Return the labels of pictures, by the same names."""
    return {name: labels for name, (_, labels) in pictures.items()}


def read_pictures(store: Store) -> dict[str, Strip]:
    """Load the pictures of a figure."""
    return {name: Strip(store[name], labels) for name, labels in store.record["labels"].items()}
