"""Which processor computes."""

import contextlib
import logging
import weakref
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from friendlyfire.records.errors import ConfigError

#: Images, and pixel values, that pass through a network at once: beyond that a device is no faster, and memory counts.
#: On the CPU, and on a GPU.
CPU_AT_ONCE, GPU_AT_ONCE = (64, 2**21), (512, 2**25)

#: Values that the widest layer gives of a batch at most, as long as that leaves 8 images: what a CPU's caches hold.
CACHED = 2**22

_widest: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()

_halvings = 0

_in_use = "CPU"


def images_at_once(network: Callable[[Tensor], Tensor], images: Tensor) -> int:
    """Images of this size to pass through this network at once.

    512 small ones on a GPU, fewer large ones; on a CPU 64 at most, and as many as its caches hold of the widest layer.
    """
    on_cpu = images.device.type == "cpu"
    count, values = CPU_AT_ONCE if on_cpu else GPU_AT_ONCE
    if isinstance(network, nn.Module) and len(images) and on_cpu:
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


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Multiply and convolve in float32 as it is on CUDA too, without TF32, whose mantissa has 10 bits.

    A decorator of what passes images through a network itself: cuDNN convolves in TF32 unless told not to.
    """
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed


#: What CUDA's libraries say, beside torch.OutOfMemoryError, when they get no memory.
_NO_MEMORY = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUDA error: out of memory")


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers of the block, on the CPU and on a device, from this seed; those after it as if it had not been."""
    elsewhere = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(elsewhere, device_type=device.type if elsewhere else "cuda"):
        torch.manual_seed(seed)
        yield


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a GPU had too little memory, by the error that it gave."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _NO_MEMORY)


def halve_batches() -> bool:
    """After a GPU has run out of memory: let half as many images through at once, from now on in this process.

    Returns:
        Whether there was something to halve.
    """
    global _halvings
    torch.cuda.empty_cache()
    _halvings += 1
    return GPU_AT_ONCE[0] >> _halvings > 0


def resolve_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means on this machine: of several GPUs the one with most room.

    Raises:
        ConfigError: CUDA is asked for and absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda, but torch sees no CUDA device here; choose device=auto or device=cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        # Jobs that run beside each other do not all take the first.
        torch.cuda.set_device(
            max(range(torch.cuda.device_count()), key=lambda index: torch.cuda.mem_get_info(index)[0])
        )
    global _in_use
    _in_use = torch.cuda.get_device_name() if name == "cuda" else "CPU"
    logging.info("computing on %s, %d threads", _in_use, torch.get_num_threads())
    return torch.device(name)


def device_in_use() -> str:
    """Name of the processor that was last resolved in this process; the CPU if none was."""
    return _in_use
