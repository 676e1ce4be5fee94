"""A pretended GPU: its tensors claim another device, compute on the CPU, and do not mix with tensors of the CPU.

If code lacks a ``.cpu()`` or a ``device=``, a real GPU raises, and so does this one: for an operation on tensors of
both devices, for NumPy of a tensor, and for a generator or an index of the CPU. Inside :func:`pretended_gpu` the
device's name is :data:`NAME`, for ``.to()``, ``device=`` and factories; autograd runs as it does for any device.

It uses torch's backend for devices written in Python, and a tensor subclass that holds the values. PyTorch has one kind
of accelerator per process, so where there is a real GPU, that one is tested instead.
"""

import contextlib
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretended"


class _Module(_DummyBackendModule):
    """The functions that torch needs in the module ``torch.<device>``. Random numbers come from the CPU."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def get_rng_state(self, device=None) -> Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Tensor, device=None) -> None:
        torch.set_rng_state(state)


DEVICE = None
if not torch.cuda.is_available():
    _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
    DEVICE = torch.device(NAME, 0)


class PretendedTensor(Tensor):
    """A tensor on the pretended GPU; its values are those of ``held``, on the CPU."""

    __module__ = "torch"  # EagerPy, and so Foolbox, recognises a tensor by this
    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "PretendedTensor":
        wrapped = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        wrapped.held = held
        return wrapped

    def __repr__(self) -> str:
        return f"PretendedTensor({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return computed(func, args, kwargs or {})


def computed(func, args: tuple, kwargs: dict):
    """Return the result of an operation: a copy if the device changes, else on the common device of its arguments."""
    values = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    there = [value for value in values if isinstance(value, PretendedTensor)]
    asked = kwargs.get("device")
    target = asked if asked is None else torch.device(asked).type
    if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
        return copied(func, args, kwargs, target)
    # A number on the CPU, a tensor without dimensions, is accepted everywhere.
    here = [value for value in values if not isinstance(value, PretendedTensor) and value.dim()]
    if there and here:
        raise RuntimeError(f"{func}: tensors are on {NAME} and on the CPU")
    generator = kwargs.get("generator")
    if generator is not None and (there or target == NAME):
        raise RuntimeError(f"{func}: a generator of the CPU on {NAME}")
    if func is torch.ops.aten._local_scalar_dense.default:
        return func(args[0].held if there else args[0])
    onto = NAME if there and target in (None, NAME) else target
    kwargs = {**kwargs, "device": torch.device("cpu")} if asked is not None else kwargs
    result = func(*tree_map(unwrapped, args), **tree_map(unwrapped, kwargs))
    if onto != NAME:
        return result
    # An in-place operation returns its argument, not another tensor with the same values.
    known = {id(value.held): value for value in there}
    return tree_map(lambda value: known.get(id(value), wrapped(value)), result)


def copied(func, args: tuple, kwargs: dict, target: str | None):
    """Copies between the devices, the only operations that may involve both."""
    if func is torch.ops.aten.copy_.default:
        func(*map(unwrapped, args), **kwargs)
        return args[0]
    source = args[0]
    onto = target or (NAME if isinstance(source, PretendedTensor) else "cpu")
    kwargs = {**kwargs, "device": torch.device("cpu")} if "device" in kwargs else kwargs
    result = func(unwrapped(source), **kwargs)
    return wrapped(result) if onto == NAME else result


def wrapped(value):
    """Convert a tensor of the CPU to one of the pretended GPU; return anything else unchanged."""
    return PretendedTensor(value) if isinstance(value, Tensor) and not isinstance(value, PretendedTensor) else value


def unwrapped(value):
    """Return the values of a tensor of the pretended GPU; return anything else unchanged."""
    return value.held if isinstance(value, PretendedTensor) else value


class _Factories(TorchDispatchMode):
    """Operations without tensors, and copies to the device, whose arguments are not on the device yet."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return computed(func, args, kwargs or {})


class _Refusals(TorchFunctionMode):
    """Operations that bypass the dispatcher: NumPy reads the memory of a tensor."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and torch.device(kwargs.get("device") or "cpu").type == NAME:
            return func(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
        if func in (Tensor.numpy, Tensor.__array__, Tensor.tolist) and isinstance(args[0], PretendedTensor):
            if func is Tensor.tolist:
                return args[0].held.tolist()
            raise TypeError(f"a tensor on {NAME} cannot be a NumPy array; call .cpu() first")
        return func(*args, **kwargs)


@contextlib.contextmanager
def pretended_gpu() -> Iterator[torch.device]:
    """Make the pretended GPU available in this block."""
    if DEVICE is None:
        pytest.skip("there is a real GPU")
    with _Refusals(), _Factories():
        yield DEVICE
