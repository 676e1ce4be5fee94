"""One seed in the configuration, and an independent random stream for every draw."""

import hashlib

#: Stands between the name of an experiment and the number of a repetition.
MARK = "@"


def repetition(experiment: str, number: int) -> str:
    """The name of a repetition of an experiment; number 0 has the experiment's own."""
    return f"{experiment}{MARK}{number}" if number else experiment


def repetition_of(name: str) -> tuple[str, int]:
    """The experiment and the number of a repetition, from its name."""
    experiment, _, number = name.partition(MARK)
    return experiment, int(number or 0)


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
