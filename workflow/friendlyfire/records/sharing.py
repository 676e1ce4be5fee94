"""Division of work into shards that does not affect any result."""

from collections.abc import Mapping

#: Number of images per block that are attacked in the same batches in any shard, so results do not depend on shards.
ATTACKED_TOGETHER = 1024

#: Number of images per block at the boundary, likewise.
DIFFERENTIATED_TOGETHER = 32


def useful_shards(asked: int, together: int, *images: int) -> int:
    """Return the number of useful shards of images in whole blocks: as many as requested, but none without a block."""
    return min(asked, sum(-(-count // together) for count in images))


def share(count: int, block: int, shard: int, shards: int) -> tuple[int, int]:
    """Return start and stop of one shard of ``count`` items, in whole blocks, so batches do not depend on shards."""
    blocks = -(-count // block)
    start, stop = (min(count, block * (blocks * k // shards)) for k in (shard, shard + 1))
    return start, stop


def blocks_of(counts: Mapping[str, int], together: int) -> list[tuple[str, int, int]]:
    """Return role, start and stop of each block of ``together`` images, role by role."""
    return [
        (role, start, min(start + together, count))
        for role, count in counts.items()
        for start in range(0, count, together)
    ]
