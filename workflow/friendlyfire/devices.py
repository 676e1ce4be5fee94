"""Which processor computes."""

import logging

import torch

from friendlyfire.errors import ConfigError

#: Images, and pixel values, that pass through a network at once: beyond that a CPU is no faster, and memory counts.
AT_ONCE = {"cpu": (64, 2**20), "cuda": (512, 2**25)}

_halvings = 0

_in_use = "CPU"


def images_at_once(images: torch.Tensor) -> int:
    """Images of this size to pass through a network at once: 64 small ones on a CPU, 512 on a GPU, fewer large ones."""
    count, values = AT_ONCE["cuda" if images.is_cuda else "cpu"]
    return max(1, min(count, values // images.shape[1:].numel()) >> _halvings)


def halve_batches() -> bool:
    """After a GPU has run out of memory: let half as many images through at once, from now on in this process.

    Returns:
        Whether there was something to halve.
    """
    global _halvings
    torch.cuda.empty_cache()
    _halvings += 1
    return AT_ONCE["cuda"][0] >> _halvings > 0


def resolve_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means on this machine; float32 there is float32, without TF32.

    Raises:
        ConfigError: CUDA is asked for and absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda, but torch sees no CUDA device here; choose device=auto or device=cpu")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    global _in_use
    _in_use = torch.cuda.get_device_name() if name == "cuda" else "CPU"
    logging.info("computing on %s, %d threads", _in_use, torch.get_num_threads())
    return torch.device(name)


def device_in_use() -> str:
    """Name of the processor that was last resolved in this process; the CPU if none was."""
    return _in_use
