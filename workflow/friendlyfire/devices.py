"""Which processor computes."""

import torch

from friendlyfire.errors import ConfigError

#: Pixel values that pass through a network at once: beyond that a CPU is no faster, and the memory counts.
VALUES_AT_ONCE = {"cpu": 2**20, "cuda": 2**25}


def images_at_once(images: torch.Tensor) -> int:
    """Images of this size to pass through a network at once: 64 small ones on a CPU, 512 on a GPU, fewer large ones."""
    values = VALUES_AT_ONCE["cuda" if images.is_cuda else "cpu"]
    return max(4, min(512 if images.is_cuda else 64, values // images[0].numel()))


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
    return torch.device(name)
