"""Arrays on disk: one Zarr ZipStore a result, written beside its place, moved there whole, checked when read.

A zip file is one inode with a CRC-32 for each chunk, so that a flipped byte is an error and not another result. This,
:mod:`friendlyfire.networks.weights` and what says where notes lie are the only modules of the library that know paths.
"""

import contextlib
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import ZipStore

from friendlyfire.records.errors import StoreError
from friendlyfire.records.files import whole

#: Version of the form of all stores; a reader refuses another one.
VERSION = 1

#: Bytes that one chunk holds at most, before compression.
CHUNK_BYTES = 16 * 2**20

_PACKAGES = (
    *("foolbox", "matplotlib", "numpy", "pandas", "pillow", "safetensors", "scikit-learn", "scipy", "seaborn"),
    *("snakemake", "timm", "torch", "torchvision", "zarr"),
)

# What zipfile, zlib, the codecs and zarr raise on files that are not whole. `RuntimeError` is the codecs' own.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    zarr.errors.BaseZarrError,
)


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that results depend on."""
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


class StoreWriter:
    """Creates the arrays of one store; see :func:`create_store`."""

    def __init__(self, group: zarr.Group):
        self._group = group

    def array(self, name: str, data: np.ndarray, axis: int = 0) -> None:
        """Write a whole array, cut into chunks along ``axis``."""
        data = np.asarray(data)
        target = self.empty(name, data.shape, data.dtype, axis)
        if data.size:
            target[...] = data

    def empty(self, name: str, shape: tuple[int, ...], dtype: np.dtype | str, axis: int = 0) -> zarr.Array:
        """An array to be filled by whole chunks (of ``.chunks``), each once."""
        dtype = np.dtype(dtype)
        chunks = [max(1, size) for size in shape]
        row_bytes = dtype.itemsize * int(np.prod(chunks)) // chunks[axis] if shape else dtype.itemsize
        if shape:
            chunks[axis] = max(1, min(chunks[axis], CHUNK_BYTES // row_bytes))
        return self._group.create_array(
            name,
            shape=shape,
            dtype=dtype,
            chunks=tuple(chunks),
            # Mantissas do not compress; images, labels and indices do.
            compressors=None if dtype.kind == "f" else "auto",
            # A chunk of zeros is written too, so that a chunk that is not there is known to be lost.
            config={"write_empty_chunks": True},
        )


@contextlib.contextmanager
def create_store(path: str | os.PathLike, kind: str, record: Mapping[str, Any]) -> Iterator[StoreWriter]:
    """Write a store beside ``path`` and move it there when the block ends without an error.

    Args:
        path: where the store shall be, by custom ``*.zarr.zip``.
        kind: what it holds: ``dataset``, ``perturbations``, ``curvature``, ``basis``.
        record: what describes it (experiment, settings, seed, units ...), as JSON's types.

    Yields:
        A :class:`StoreWriter`.
    """
    attributes = {"schema": f"friendlyfire/{kind}", "version": VERSION, **record}
    with whole(path) as partial, ZipStore(partial, mode="w") as store:
        yield StoreWriter(zarr.create_group(store, attributes=attributes))


class Store:
    """A store opened for reading; see :func:`open_store`. Arrays by ``store[name]``, slices by ``store.read``."""

    def __init__(self, path: Path, group: zarr.Group):
        self.path = path
        self._group = group
        with zipfile.ZipFile(path) as archive:
            self._members = archive.namelist()
        #: What was recorded when it was written.
        self.record: dict[str, Any] = dict(group.attrs)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.read(name)

    def __contains__(self, name: str) -> bool:
        return f"{name}/zarr.json" in self._members

    def keys(self) -> list[str]:
        """Names of the arrays."""
        ending = "/zarr.json"
        names = [member.removesuffix(ending) for member in self._members if member.endswith(ending)]
        with _told_as_damage(self.path):
            return sorted(name for name in names if isinstance(self._group[name], zarr.Array))

    def check(self) -> None:
        """Read every byte once; a StoreError if one is not as it was written."""
        with _told_as_damage(self.path), zipfile.ZipFile(self.path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"bad checksum of {damaged}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of the array ``name``, without reading it."""
        return self._array(name).shape

    def read(self, name: str, selection: Any = ...) -> np.ndarray:
        """The part ``selection`` (NumPy basic indexing) of the array ``name``."""
        array = self._array(name)
        with _told_as_damage(self.path):
            return np.asarray(array[selection])

    def rows(self, name: str, positions: np.ndarray) -> np.ndarray:
        """The rows of the array ``name`` at ascending ``positions``, at least one; no more is read than they span."""
        first = positions[0]
        return self.read(name, slice(first, positions[-1] + 1))[positions - first]

    def _array(self, name: str) -> zarr.Array:
        if name not in self:
            raise StoreError(f"{self.path} has no array {name!r}; it has {', '.join(self.keys())}")
        with _told_as_damage(self.path):
            array = self._group[name]
            present = sum(member.startswith(f"{name}/c") for member in self._members)
            if array.size and present != array.nchunks:  # Zarr would read a lost chunk as zeros.
                raise ValueError(f"{present} of {array.nchunks} chunks of {name!r}")
        return array


@contextlib.contextmanager
def open_store(path: str | os.PathLike, kind: str | None, experiment: str | None = None) -> Iterator[Store]:
    """Open a store to read, once it is known to be what the caller expects.

    Args:
        path: the file.
        kind: the kind it was written as; None if any will do.
        experiment: the experiment it must belong to, if any.

    Raises:
        StoreError: the file is missing, damaged, or of another kind, version or experiment.
    """
    path = Path(path)
    if not path.exists():
        raise StoreError(f"{path} is missing; make it with: snakemake --cores all {path}")
    with _told_as_damage(path):
        store = ZipStore(path, mode="r")
        group = zarr.open_group(store, mode="r")
    try:
        record = dict(group.attrs)
        expected = {"version": VERSION}
        if kind is not None:
            expected["schema"] = f"friendlyfire/{kind}"
        if experiment is not None:
            expected["experiment"] = experiment
        for key, value in expected.items():
            if record.get(key) != value:
                raise StoreError(
                    f"{path} has {key} {record.get(key)!r}, not {value!r}; "
                    f"recreate it with: snakemake --cores all --force {path}"
                )
        yield Store(path, group)
    finally:
        store.close()


def contents(path: str | os.PathLike) -> str:
    """What a store holds, arrays and record, in 64 hex digits (SHA-256 of the names and CRC-32 of its members).

    Dates are not in it: equal stores have equal contents. Nothing is read but the directory of the zip file, so each
    member still has to be compared with its CRC-32, as every reader does.

    Raises:
        StoreError: the store is missing or damaged.
    """
    path = Path(path)
    with _told_as_damage(path), zipfile.ZipFile(path) as archive:
        sums = sorted((entry.filename, entry.file_size, entry.CRC) for entry in archive.infolist())
    return hashlib.sha256(json.dumps(sums).encode()).hexdigest()


@contextlib.contextmanager
def _told_as_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except _DAMAGE as error:
        raise StoreError(
            f"{path} is damaged ({type(error).__name__}: {error}); "
            f"recreate it with: snakemake --cores all --force {path}"
        ) from error
