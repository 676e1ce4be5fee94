"""One seed in the configuration, and an independent random stream for every draw."""

import hashlib


def derive_seed(seed: int, *names: str | int) -> int:
    """Derive the seed of one draw from the configured ``seed`` and the names of the draw.

    Streams with different names are independent, and do not depend on other draws or their order.

    Args:
        seed: the seed of the configuration.
        names: stage, experiment, item, ..., for example ``("datasets", "mnist", "train")``.

    Returns:
        An integer in [0, 2**63).
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
