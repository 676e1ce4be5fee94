"""Stores load as they were written, completely or not at all."""

import zipfile

import numpy as np
import pytest

from friendlyfire.records.errors import StoreError
from friendlyfire.records.stores import CHUNK_BYTES, create_store, open_store

ARRAYS = {
    "images": np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4),
    "train/labels": np.arange(5),
    "empty": np.empty((0, 3)),
    "number": np.array(2.5),
    "large": np.random.default_rng(0).random((CHUNK_BYTES // 8 // 100, 250)),
    "zeros": np.zeros((1000, 10)),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a store.zarr.zip"
    with create_store(path, "basis", {"experiment": "digits-lenet", "seed": 7}) as store:
        for name, data in ARRAYS.items():
            store.array(name, data, axis=1 if name == "large" else 0)
    return path


def test_a_store_gives_back_what_was_written(path):
    with open_store(path, "basis", "digits-lenet") as store:
        for name, data in ARRAYS.items():
            np.testing.assert_array_equal(store[name], data, strict=True)
            assert store.shape(name) == data.shape
        np.testing.assert_array_equal(store.read("large", (slice(None), slice(90, 210))), ARRAYS["large"][:, 90:210])
        assert store.record["seed"] == 7
        assert "images" in store
        assert "others" not in store
        assert store.keys() == sorted(ARRAYS)
        with pytest.raises(StoreError, match="has no array 'others'; it has empty, images, large"):
            store["others"]


def test_a_large_array_has_chunks_along_the_asked_axis(path):
    with zipfile.ZipFile(path) as archive:
        chunks = [name for name in archive.namelist() if name.startswith("large/c/")]
    assert sorted(chunks) == ["large/c/0/0", "large/c/0/1", "large/c/0/2"]


def test_an_error_while_writing_leaves_nothing(tmp_path):
    path = tmp_path / "b.zarr.zip"
    with pytest.raises(RuntimeError, match="stop"), create_store(path, "basis", {}) as store:
        store.array("x", np.arange(3))
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_leaves_the_old_store(path):
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="stop"), create_store(path, "basis", {}):
        raise RuntimeError("stop")
    assert path.read_bytes() == before


def test_a_missing_store_names_the_command(tmp_path):
    with (
        pytest.raises(StoreError, match=r"c\.zarr\.zip is missing; create it with: snakemake"),
        open_store(tmp_path / "c.zarr.zip", "basis"),
    ):
        pass


@pytest.mark.parametrize(
    ("kind", "experiment", "message"),
    [
        ("curvature", None, "has schema 'friendlyfire/basis', not 'friendlyfire/curvature'"),
        ("basis", "mnist-lenet", "has experiment 'digits-lenet', not 'mnist-lenet'"),
    ],
)
def test_another_store_than_expected_is_refused(path, kind, experiment, message):
    with pytest.raises(StoreError, match=message), open_store(path, kind, experiment):
        pass


def test_another_version_is_refused(path, monkeypatch):
    monkeypatch.setattr("friendlyfire.records.stores.VERSION", 99)
    with pytest.raises(StoreError, match="has version 1, not 99; recreate it with"), open_store(path, "basis"):
        pass


def test_a_flipped_byte_anywhere_in_the_content_is_an_error(path):
    original = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        places = [
            entry.header_offset + 30 + len(entry.filename) + entry.file_size // 2
            for entry in archive.infolist()
            if entry.file_size and entry.filename != "train/zarr.json"  # of a group without arrays
        ]
    assert len(places) >= 2 * len(ARRAYS)
    for place in places:
        path.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :])
        with (
            pytest.raises(StoreError, match="is damaged .* recreate it with: snakemake --cores all --force"),
            open_store(path, "basis") as store,
        ):
            for name in ARRAYS:
                store[name]


@pytest.mark.parametrize("fraction", [0, 0.1, 0.5, 0.99])
def test_a_truncated_store_is_an_error(path, fraction):
    content = path.read_bytes()
    path.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(StoreError, match="is damaged"), open_store(path, "basis"):
        pass


def test_a_lost_chunk_is_an_error_and_not_zeros(path):
    kept = path.with_name("kept.zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(kept, "w") as target:
        for name in source.namelist():
            if name != "large/c/0/1":
                target.writestr(name, source.read(name))
    with pytest.raises(StoreError, match="2 of 3 chunks of 'large'"), open_store(kept, "basis") as store:
        store["large"]
