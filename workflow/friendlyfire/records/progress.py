"""Progress of a long computation: a line in its log every 10 seconds, and a text for the console."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

#: The most recently started :class:`Progress`.
_latest: "Progress | None" = None


def latest() -> "Progress | None":
    """Return the most recently started progress; None if there is none."""
    return _latest


class Progress:
    """A count towards a total, logged every 10 seconds.

    Args:
        what: name of the counted items, in the plural.
        total: number of items.
        done: number of items done before.
    """

    def __init__(self, what: str, total: int, done: float = 0):
        global _latest
        self.what = what
        self.total = total
        self.done: float = done
        self.before: float = done
        self.began: float = time.monotonic()
        self.logged: float = self.began
        _latest = self

    def reach(self, done: float) -> None:
        """Count up to ``done``, fractions included."""
        self.done, now = done, time.monotonic()
        if now - self.logged >= 10 or done == self.total:
            self.logged = now
            logging.info(str(self))

    def __str__(self) -> str:
        if self.done == self.before:
            return f"{plain(self.done)} of {self.total:,} {self.what}"
        seconds = max(time.monotonic() - self.began, 1e-9) / (self.done - self.before)  # each
        speed = f"{plain(1 / seconds)} a second" if seconds < 1 else f"{plain(seconds)} s each"
        percent, left = 100 * self.done / self.total, spelled(seconds * (self.total - self.done))
        return f"{plain(self.done)} of {self.total:,} {self.what} ({percent:.0f} %), {speed}, {left} left"


def progress(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Yield the items and report progress; a range with a step counts every number that it spans."""
    counted = range(items.start, items.stop) if isinstance(items, range) else items
    step = items.step if isinstance(items, range) else 1
    told = Progress(what, len(counted))
    for number, item in enumerate(items, start=1):
        yield item
        told.reach(min(number * step, len(counted)))


def plain(number: float) -> str:
    """Format a number for messages: 12,345, 56 or 7.8."""
    return f"{number:,.1f}".removesuffix(".0") if number < 100 else f"{number:,.0f}"


def spelled(seconds: float) -> str:
    """Format a duration in words: 40 s, 12 min, 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
