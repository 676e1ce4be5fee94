"""Colours of an interactive figure on a dark page."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_hex, to_rgb

#: Colours of letters and axes, of the grid, and of the page, and what stands for them on a dark page.
INK, GRID, WHITE, BLACK = "#333333", "#e6e6e6", "#ffffff", "#17181a"
ON_BLACK = {INK: "#d6d6d6", GRID: "#3a3a3a", WHITE: BLACK}

#: Contrast of lines with a dark page: of text by WCAG 2.2, section 1.4.3, because lines are thin.
CONTRAST = 4.5


def on_black(colour: str) -> str:
    """Return a colour for a dark page: with as much white in it as its contrast needs."""
    if colour in ON_BLACK:
        return ON_BLACK[colour]
    parts, white = np.array(to_rgb(colour)), 0.0
    while (luminance(lighter := parts + white * (1 - parts)) + 0.05) / (luminance(to_rgb(BLACK)) + 0.05) < CONTRAST:
        white += 0.05
    return to_hex(lighter)


def luminance(colour: Sequence[float]) -> float:
    """Return the relative luminance of a colour (red, green, blue) in [0, 1], as WCAG 2.2 defines it."""
    parts = np.asarray(colour)
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
