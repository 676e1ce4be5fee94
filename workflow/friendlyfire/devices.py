"""Which processor computes."""

import logging
import weakref
from collections.abc import Callable

import torch
from torch import Tensor, nn

from friendlyfire.errors import ConfigError

#: Images, and pixel values, that pass through a network at once: beyond that a device is no faster, and memory counts.
AT_ONCE = {"cpu": (64, 2**21), "cuda": (512, 2**25)}

#: Values that the widest layer gives of a batch at most, as long as that leaves 8 images: what a CPU's caches hold.
CACHED = 2**22

_widest: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()

_halvings = 0

_in_use = "CPU"


def images_at_once(network: Callable[[Tensor], Tensor], images: Tensor) -> int:
    """Images of this size to pass through this network at once.

    512 small ones on a GPU, fewer large ones; on a CPU 64 at most, and as many as its caches hold of the widest layer.
    """
    count, values = AT_ONCE["cuda" if images.is_cuda else "cpu"]
    if isinstance(network, nn.Module) and len(images) and not images.is_cuda:
        cached = CACHED // widest_layer(network, images[:1])
        count = min(count, max(8, 1 << cached.bit_length() >> 1))
    return max(1, min(count, values // images.shape[1:].numel()) >> _halvings)


@torch.no_grad()
def widest_layer(network: nn.Module, image: Tensor) -> int:
    """The most values that any module of a network gives for an image (1, channels, height, width)."""
    if network not in _widest:
        sizes = [image.numel()]

        def measure(_module, _inputs, output):
            sizes.append(output.numel() if isinstance(output, Tensor) else 0)

        hooks = [module.register_forward_hook(measure) for module in network.modules()]
        try:
            network(image)
        finally:
            for hook in hooks:
                hook.remove()
        _widest[network] = max(sizes)
    return _widest[network]


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
