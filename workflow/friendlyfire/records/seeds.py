"""One seed in the configuration, one independent stream of chance for everything that draws."""

import hashlib


def derive_seed(seed: int, *names: str | int) -> int:
    """Seed of one draw, from the configured ``seed`` and the names of what is drawn.

    Streams of different names are independent, and stay the same whatever else is drawn and in whatever order.

    Args:
        seed: the seed of the configuration.
        names: stage, experiment, item, ..., for example ``("datasets", "mnist", "train")``.

    Returns:
        An integer in [0, 2**63).
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
