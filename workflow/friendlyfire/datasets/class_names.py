"""Class names of a network that has more classes than the images, or has them in another order."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from friendlyfire.records.errors import ConfigError

#: Value of ``networks.classes`` for ImageNet's 1,000 WordNet ids, in the order of torchvision's and timm's logits.
IMAGENET = "imagenet"


def read_class_names(classes: str | Sequence[str | int] | None) -> list[str] | None:
    """Load the names of a network's classes in the order of its logits, from ``networks.classes``; None if not given.

    Args:
        classes: the names, a text file with one name per line, "imagenet", or None.

    Raises:
        ConfigError: a name is given twice.
    """
    if classes is None:
        return None
    if classes == IMAGENET:
        from timm.data import ImageNetInfo

        return ImageNetInfo("imagenet-1k").label_names()
    lines = Path(classes).read_text(encoding="utf-8").splitlines() if isinstance(classes, str) else map(str, classes)
    names = [name for name in map(str.strip, lines) if name]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"networks.classes: {twice!r} is listed twice; give each logit its own name")
    return names


def columns_of(names: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """Return the indices of the logits that stand for the classes of a data set, in the order of these classes.

    Raises:
        ConfigError: a class of the data set is not among the names; the message suggests similar names.
    """
    for name in class_names:
        if name not in names:
            close = difflib.get_close_matches(name, names) or names[:3]
            raise ConfigError(
                f"networks.classes: the data set's class {name!r} is not among the network's {len(names):,} classes; "
                f"did you mean {' or '.join(close)}?"
            )
    return [names.index(name) for name in class_names]
