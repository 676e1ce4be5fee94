"""Arrays on disk: one Zarr ZipStore per result, written to a temporary file, moved into place, checked when read.

A zip file is one inode with a CRC-32 per chunk, so a flipped byte raises an error and never changes a result. Besides
this module, only :mod:`friendlyfire.networks.weights` and the module of the provenance notes know paths.
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

#: Format version of all stores; readers reject other versions.
VERSION = 1

#: Largest size of a chunk in bytes, before compression.
CHUNK_BYTES = 16 * 2**20

_PACKAGES = (
    *("foolbox", "matplotlib", "numpy", "pandas", "pillow", "safetensors", "scikit-learn", "scipy", "seaborn"),
    *("snakemake", "timm", "torch", "torchvision", "zarr"),
)

# Errors of zipfile, zlib, the codecs and zarr on damaged files. The codecs raise `RuntimeError`.
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
    """Return the versions of the installed packages that results depend on."""
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

    def empty(self, name: str, shape: tuple[int, ...], dtype: np.dtype | str, axis: int = 0) -> zarr.Array[Any]:
        """Create an array to fill by whole chunks (of ``.chunks``), each once."""
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
            # A chunk of zeros is written too, so a missing chunk is known to be lost.
            config={"write_empty_chunks": True},
        )


@contextlib.contextmanager
def create_store(path: str | os.PathLike[str], kind: str, record: Mapping[str, Any]) -> Iterator[StoreWriter]:
    """Write a store next to ``path`` and move it there when the block ends without an error.

    Args:
        path: path of the store, by convention ``*.zarr.zip``.
        kind: kind of its contents: ``dataset``, ``perturbations``, ``curvature``, ``basis``.
        record: its description (experiment, settings, seed, units ...), in JSON types.

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
        #: The record that it was written with.
        self.record: dict[str, Any] = dict(group.attrs)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.read(name)

    def __contains__(self, name: str) -> bool:
        return f"{name}/zarr.json" in self._members

    def keys(self) -> list[str]:
        """Return the names of the arrays."""
        ending = "/zarr.json"
        names = [member.removesuffix(ending) for member in self._members if member.endswith(ending)]
        with _told_as_damage(self.path):
            return sorted(name for name in names if isinstance(self._group[name], zarr.Array))

    def check(self) -> None:
        """Read every byte once; raise a StoreError if one has changed."""
        with _told_as_damage(self.path), zipfile.ZipFile(self.path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"bad checksum of {damaged}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the array ``name``, without reading it."""
        return self._array(name).shape

    def read(self, name: str, selection: Any = ...) -> np.ndarray:
        """Read the part ``selection`` (NumPy basic indexing) of the array ``name``."""
        array = self._array(name)
        with _told_as_damage(self.path):
            return np.asarray(array[selection])

    def rows(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Read the rows of the array ``name`` at ascending ``positions`` (at least one) and no more than they span."""
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
def open_store(path: str | os.PathLike[str], kind: str | None, experiment: str | None = None) -> Iterator[Store]:
    """Open a store for reading, after checking that it is the expected one.

    Args:
        path: the file.
        kind: the kind it was written as; None for any kind.
        experiment: the experiment it must belong to, if any.

    Raises:
        StoreError: the file is missing, damaged, or of another kind, version or experiment.
    """
    path = Path(path)
    if not path.exists():
        raise StoreError(f"{path} is missing; create it with: snakemake --cores all {path}")
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


def contents(path: str | os.PathLike[str]) -> str:
    """Return a digest of a store, arrays and record, in 64 hex digits (SHA-256 of its members' names and CRC-32).

    Dates are left out, so equal stores have equal contents. Only the directory of the zip file is read, so each member
    must still be compared with its CRC-32, as every reader does.

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
