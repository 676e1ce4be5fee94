"""The layers that architectures can use, by name."""

from collections.abc import Callable

from torch import nn

#: Activations by name. The last two are smooth, so that an exact Hessian exists.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "softplus": nn.Softplus, "gelu": nn.GELU}

#: Pooling by name; only "average" is smooth.
POOLINGS: dict[str, Callable[..., nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
