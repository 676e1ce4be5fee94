"""Random directions: a control without meaningful directions."""

import numpy as np

BASES = {
    "random": {
        "make": "random_basis",
        "from": "dataset",
        "settings": ["bases.directions"],
        "scores": "1",
        "label": "random (control)",
        "colour": "#AAAAAA",
    },
}


def random_basis(pixels: int, count: int, seed: int) -> np.ndarray:
    """Draw orthonormal columns (d, k) uniformly (Haar measure), a control without meaningful directions.

    Source: F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 54 (2007).
    """
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((pixels, count)))
    return q * np.sign(np.diag(r))
