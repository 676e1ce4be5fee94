"""How work is divided among jobs without any result depending on it."""

from collections.abc import Mapping

#: Images of an attack that share batches whichever job has them, so that results do not depend on the shards.
ATTACKED_TOGETHER = 1024

#: Images of the boundary that share batches.
DIFFERENTIATED_TOGETHER = 32


def useful_shards(asked: int, together: int, *images: int) -> int:
    """How many jobs can share images that stay together in blocks: as many as asked for, but none without a block."""
    return min(asked, sum(-(-count // together) for count in images))


def share(count: int, block: int, shard: int, shards: int) -> tuple[int, int]:
    """Start and stop of one job's share of ``count`` items, between whole blocks: any cut gives the same batches."""
    blocks = -(-count // block)
    start, stop = (min(count, block * (blocks * k // shards)) for k in (shard, shard + 1))
    return start, stop


def blocks_of(counts: Mapping[str, int], together: int) -> list[tuple[str, int, int]]:
    """Role, start and stop of the blocks of ``together`` images, role by role."""
    return [
        (role, start, min(start + together, count))
        for role, count in counts.items()
        for start in range(0, count, together)
    ]
