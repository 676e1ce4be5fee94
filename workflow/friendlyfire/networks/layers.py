"""The layers that architectures can use, by name."""

from collections.abc import Callable

from torch import nn

#: Activations by name. The last two are smooth, so that an exact Hessian exists.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "softplus": nn.Softplus, "gelu": nn.GELU}


def average_pool(kernel: int, stride: int | None = None, padding: int = 0) -> nn.Module:
    """Build average pooling that pads by a layer of its own.

    Until the middle of 2026, PyTorch computed wrong gradients of padded average pooling on CUDA, channels last (its
    issue 188344).
    """
    pool = nn.AvgPool2d(kernel, stride)
    return nn.Sequential(nn.ZeroPad2d(padding), pool) if padding else pool


#: Pooling by name; only "average" is smooth.
POOLINGS: dict[str, Callable[..., nn.Module]] = {"max": nn.MaxPool2d, "average": average_pool}
