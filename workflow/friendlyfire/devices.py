"""The choice of processor, and batch sizes that suit it."""

import contextlib
import logging
import weakref
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from friendlyfire.records.errors import ConfigError

#: Largest numbers of images and of pixel values per batch, on the CPU and on a GPU: larger batches are no faster and
#: take more memory.
CPU_AT_ONCE, GPU_AT_ONCE = (64, 2**21), (512, 2**25)

#: Largest number of output values of the widest layer per batch of at least 8 images: the size of a CPU's caches.
CACHED = 2**22

_widest: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()

_halvings = 0

_in_use = "CPU"


def images_at_once(network: Callable[[Tensor], Tensor], images: Tensor) -> int:
    """Return the batch size for images of this size and this network.

    On a GPU: 512 for small images, fewer for large ones. On a CPU: at most 64, so that the output of the widest layer
    fits into the caches.
    """
    on_cpu = images.device.type == "cpu"
    count, values = CPU_AT_ONCE if on_cpu else GPU_AT_ONCE
    if isinstance(network, nn.Module) and len(images) and on_cpu:
        cached = CACHED // widest_layer(network, images[:1])
        count = min(count, max(8, 1 << cached.bit_length() >> 1))
    return max(1, min(count, values // images.shape[1:].numel()) >> _halvings)


@torch.no_grad()
def widest_layer(network: nn.Module, image: Tensor) -> int:
    """Return the largest output size of any module of a network, for an image (1, channels, height, width)."""
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


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Multiply and convolve in full float32: on CUDA without TF32, whose mantissa has 10 bits, and without autocast.

    Use it as a decorator of functions that call a network: cuDNN convolves in TF32 by default.
    """
    with contextlib.ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        for backend in (torch.backends.cuda.matmul, torch.backends.cudnn):
            stack.callback(setattr, backend, "allow_tf32", backend.allow_tf32)
            backend.allow_tf32 = False
        yield


#: Messages of CUDA's libraries, besides torch.OutOfMemoryError, when memory runs out.
_NO_MEMORY = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUDA error: out of memory")


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the random numbers of the block, on the CPU and a device; restore the generators' states after it."""
    elsewhere = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(elsewhere, device_type=device.type if elsewhere else "cuda"):
        torch.manual_seed(seed)
        yield


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error means that a GPU ran out of memory."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _NO_MEMORY)


def halve_batches() -> bool:
    """Halve the batch size for the rest of this process, after a GPU has run out of memory.

    Returns:
        Whether a batch still holds at least one image.
    """
    global _halvings
    torch.cuda.empty_cache()
    _halvings += 1
    return GPU_AT_ONCE[0] >> _halvings > 0


def resolve_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu`` or ``cuda`` means on this machine: the GPU with the most free memory.

    Raises:
        ConfigError: CUDA is requested but absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda, but torch finds no CUDA device here; choose device=auto or device=cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        # Parallel jobs do not all take the first GPU.
        torch.cuda.set_device(
            max(range(torch.cuda.device_count()), key=lambda index: torch.cuda.mem_get_info(index)[0])
        )
    global _in_use
    _in_use = torch.cuda.get_device_name() if name == "cuda" else "CPU"
    logging.info("computing on %s, %d threads", _in_use, torch.get_num_threads())
    return torch.device(name)


def device_in_use() -> str:
    """Return the name of the processor that was last resolved in this process; the CPU if none was."""
    return _in_use
