"""Images from folders, grey, transparent or of odd sizes; and one-line messages for invalid folders."""

import os
import struct
import tarfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from friendlyfire.datasets.images import ArraySplit, Dataset, digits_splits, source_splits, square_image
from friendlyfire.datasets.roles import check_repeated, draw_roles
from friendlyfire.datasets.sources import image_shape
from friendlyfire.records.errors import ConfigError, DataError
from friendlyfire.records.stores import create_store, open_store

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    """Two classes of 3 training and 2 test images."""
    for split, count in (("train", 3), ("test", 2)):
        for name in ("cat", "a dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(RNG.integers(0, 256, (12, 12, 3), np.uint8)).save(tmp_path / split / name / f"{i}.png")
    return tmp_path


def splits_of(folder, **settings):
    return source_splits({"source": "folder", "folder": str(folder), "size": 12, **settings}, folder, 0)


def test_a_folder_gives_its_images_as_they_are(folder):
    splits = splits_of(folder)
    assert splits["train"].class_names == ["a dog", "cat"]
    assert splits["train"].labels.tolist() == [0, 0, 0, 1, 1, 1]
    picture = np.asarray(Image.open(folder / "test/cat/1.png")).transpose(2, 0, 1)
    np.testing.assert_array_equal(splits["test"].image(3), picture)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16", "1", "LA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(12, 12), (40, 20), (5, 9)])
def test_pictures_of_any_mode_and_size_become_squares(mode, channels, size):
    image = square_image(Image.new(mode, size), channels, 12)
    assert image.shape == (channels, 12, 12)
    assert image.dtype == np.uint8


@pytest.mark.parametrize(("value", "seen"), [(0, 0), (257, 1), (40000, 156), (65535, 255)])
def test_16_bits_are_scaled_to_8(tmp_path, value, seen):
    Image.fromarray(np.full((12, 12), value, np.uint16)).save(tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as picture:
        assert (square_image(picture, 1, 12) == seen).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pictures_whose_range_is_not_known_are_named(folder, dtype):
    Image.fromarray(np.full((12, 12), 0.5).astype(dtype)).save(folder / "train/cat/0.tif")
    (folder / "train/cat/0.png").unlink()
    with pytest.raises(DataError, match=r"0\.tif is not a readable image \(values of 32 bits .*; save it with 8 or 16"):
        splits_of(folder)["train"].image(3)


def test_the_centre_is_kept():
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:, 32:96] = 200  # the central square of a wide picture
    assert square_image(Image.fromarray(picture), 3, 32).min() > 190


def test_the_digits_are_split_by_class_and_seed():
    splits = digits_splits(0)
    assert {name: len(split.labels) for name, split in splits.items()} == {"train": 1437, "test": 360}
    assert splits["train"].images.dtype == np.uint8
    assert splits["train"].images.max() == 255
    assert set(np.bincount(splits["test"].labels)) <= {35, 36, 37}
    assert not np.array_equal(digits_splits(1)["test"].images, splits["test"].images)


def remove(path):
    path.unlink() if path.is_file() else [remove(entry) for entry in path.iterdir()] and path.rmdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: remove(f / "test"), "has no folder test/; it must hold train/<class>/ and test/<class>/"),
        (lambda f: remove(f / "test/cat"), r"must hold the same classes, but only one has \['cat'\]"),
        (lambda f: [remove(p) for p in (f / "train/cat").iterdir()], r"train.cat holds no images; add some"),
        (
            lambda f: [remove(f / s / "cat") for s in ("train", "test")],
            "holds 1 class folders; a classifier needs at least 2",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_told(folder, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message):
        splits_of(folder)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match=r"image folder .*nowhere does not exist; it must hold train/<class>/"):
        splits_of(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image_is_named(folder, content):
    (folder / "train/cat/0.png").write_bytes(content)
    with pytest.raises(DataError, match=r"train.cat.0\.png is not a readable image"):
        splits_of(folder)["train"].image(3)


def test_a_pipe_among_the_images_is_told_and_not_waited_for(folder, faults):
    os.mkfifo(folder / "train/cat/9.png")
    with pytest.raises(
        DataError, match=r"train.cat.9\.png has the name of an image but is not a file; replace or remove"
    ):
        splits_of(folder)
    faults.count("told", "a pipe")


def test_an_image_of_billions_of_pixels_is_told(folder, faults):
    """A few bytes whose header claims 60,000 pixels per side."""
    path = folder / "train/cat/0.png"
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">2I", 60000, 60000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"0\.png is not a readable image \(Image size \(3600000000 pixels\) exceeds"):
        splits_of(folder)["train"].image(3)
    faults.count("told", "an image of billions of pixels")


def test_a_name_of_any_bytes_is_taken(folder):
    path = folder / "train/cat/0.png"
    path.rename(os.fsdecode(os.fsencode(path.parent) + b"/caf\xe9.png"))
    split = splits_of(folder)["train"]
    assert len(split.fingerprint()) == 8
    assert split.image(3).shape == (3, 12, 12)


def test_a_truncated_image_is_named(folder):
    path = folder / "train/cat/0.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"0\.png is not a readable image"):
        splits_of(folder)["train"].image(3)


def test_labels_out_of_range_are_told(folder, monkeypatch):
    monkeypatch.setattr("friendlyfire.datasets.images.folder_splits", lambda *_: splits)
    splits = {"test": ArraySplit(np.zeros((2, 3, 12, 12), np.uint8), np.array([0, 5]), ["a", "b"])}
    with pytest.raises(DataError, match="test labels run from 0 to 5, but there are 2 classes"):
        splits_of(folder)


def test_a_torchvision_set_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="MNIST cannot be read from .*Dataset not found"):
        source_splits({"source": "MNIST"}, tmp_path, 0)


@pytest.fixture
def mnist(tmp_path):
    """MNIST as torchvision reads it, but with 6 training and 4 test images."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, n in (("train", 6), ("t10k", 4)):
        images, labels = RNG.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8)
        (raw / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, n, 28, 28) + images.tobytes())
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, n) + labels.tobytes())
    return tmp_path


def test_a_torchvision_set_that_is_there_is_read(mnist):
    splits = source_splits({"source": "MNIST"}, mnist, 0)
    assert splits["train"].images.shape == (6, 1, 28, 28)
    assert splits["test"].labels.tolist() == [0, 1, 2, 3]
    content = (mnist / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()
    assert splits["test"].image(3).tobytes() == content[-784:]


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("kept", [0, 6, 100])
def test_a_torchvision_set_that_is_cut_short_is_told(mnist, name, kept):
    path = mnist / "MNIST/raw" / name
    path.write_bytes(path.read_bytes()[: min(kept, path.stat().st_size - 1)])
    with pytest.raises(DataError, match=r"MNIST cannot be read from .*; remove it to download it again"):
        source_splits({"source": "MNIST"}, mnist, 0)


def test_an_archive_cannot_write_outside_its_folder(tmp_path, monkeypatch, faults):
    from torchvision.datasets.utils import extract_archive

    from friendlyfire.datasets.downloads import refuse_unsafe_archives

    (tmp_path / "evil").write_text("overwritten")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "evil", "../../evil")
    monkeypatch.setattr(tarfile.TarFile, "extraction_filter", None, raising=False)
    refuse_unsafe_archives()
    (tmp_path / "evil").unlink()
    with pytest.raises(tarfile.OutsideDestinationError):
        extract_archive(str(tmp_path / "a.tar"), str(tmp_path / "in/here"))
    assert not (tmp_path / "evil").exists()
    faults.count("told", "an archive that leaves its folder")


def test_imagenet_without_its_archives_is_told(tmp_path):
    with pytest.raises(DataError, match=r"ImageNet cannot be read from .*; put torchvision's archives there"):
        source_splits({"source": "ImageNet", "size": 224}, tmp_path, 0)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"source": "digits"}, (1, 8, 8)),
        ({"source": "CIFAR100"}, (3, 32, 32)),
        ({"source": "folder", "size": 20, "channels": 1}, (1, 20, 20)),
        ({"source": "ImageNet", "size": 224}, (3, 224, 224)),
    ],
)
def test_shapes_are_known_before_an_image_is_read(settings, shape):
    assert image_shape(settings) == shape


SIZES = st.none() | st.integers(2, 40)


@given(train=st.none() | st.integers(1, 90), test=st.integers(1, 90), held_out=SIZES, measured=SIZES)
def test_no_image_has_two_roles_whatever_the_configuration(train, test, held_out, measured):
    counts = {"test": test} if train is None else {"train": train, "test": test}
    settings = {"dataset": "mine", "held_out": held_out, "measured": measured}
    n = test if train is None else train
    held = held_out or min(500, n // 5)
    others = 0 if train else measured or (test - held) // 2
    if (train and measured) or min(held, n - held - others, others or test) < 2:
        with pytest.raises(DataError, match=r"^datasets\.mine"):
            draw_roles(settings, counts)
        return
    roles = draw_roles(settings, counts)
    members = {
        role: {(split, position) for position in range(start, stop)} for role, (split, start, stop) in roles.items()
    }
    apart = [members[role] for role in ("directions", "held-out", "measured")]
    assert sum(map(len, apart)) == len(set.union(*apart)) == sum(counts.values())
    assert all(len(role) >= 2 for role in apart)
    assert held_out in (None, len(members["held-out"]))
    if train is None:
        assert measured in (None, len(members["measured"]))
        assert "training" not in members
    else:
        assert members["training"] == members["directions"] | members["held-out"]
        assert members["measured"] == {("test", position) for position in range(test)}


@pytest.mark.parametrize(
    ("settings", "counts", "message"),
    [
        ({}, {"test": 5}, r"datasets\.mine: 5 test images are too few for their roles \(2 directions, 1 held-out, 2"),
        (
            {"held_out": 9},
            {"train": 10, "test": 5},
            r"too few for their roles \(1 directions, 9 held-out, 5 measured; ea",
        ),
        (
            {"measured": 5},
            {"train": 9, "test": 9},
            r"mine\.measured: all test images are measured; .* set datasets\.mine\.test",
        ),
    ],
)
def test_too_few_images_for_their_roles_are_told(settings, counts, message):
    with pytest.raises(DataError, match=message):
        draw_roles({"dataset": "mine", **settings}, counts)


@pytest.fixture
def stored(tmp_path):
    """A data set in its store: 7 training and 5 test images of 3 classes, two of the former held out."""
    roles = draw_roles({"dataset": "d", "held_out": 2}, {"train": 7, "test": 5})
    with create_store(tmp_path / "d.zarr.zip", "dataset", {"class_names": ["a", "b", "c"], "roles": roles}) as store:
        for split, n in (("train", 7), ("test", 5)):
            store.array(f"{split}/images", RNG.integers(0, 256, (n, 1, 4, 4), np.uint8))
            store.array(f"{split}/labels", np.arange(n) % 3)
            store.array(f"{split}/indices", 100 + np.arange(n))
        store.array("mean", np.zeros((1, 4, 4)))
        store.array("deviation", np.float64(1))
    with open_store(tmp_path / "d.zarr.zip", "dataset") as store:
        yield Dataset(store)


@pytest.mark.parametrize(
    ("role", "limit", "split", "indices"),
    [
        ("training", None, "train", range(100, 107)),
        ("directions", None, "train", range(100, 105)),
        ("directions", 3, "train", range(100, 103)),
        ("held-out", 9, "train", range(105, 107)),
        ("measured", 4, "test", range(100, 104)),
    ],
)
def test_a_part_gives_images_of_its_role_alone(stored, role, limit, split, indices):
    part = stored.part(role, limit)
    assert (part.split, len(part)) == (split, len(indices))
    assert part.indices().tolist() == [*indices]
    assert part.indices(1, 99).tolist() == [*indices][1:]
    assert part.labels().tolist() == [(index - 100) % 3 for index in indices]
    assert part.images(1).shape == (len(indices) - 1, 1, 4, 4)


def test_a_role_that_no_image_has_is_told(stored):
    del stored.roles["training"]
    with pytest.raises(DataError, match="has the role 'training'; it has directions, held-out, measured"):
        stored.part("training")


@pytest.mark.parametrize(("classes", "found"), [("all", [0, 1, 2]), ([2, 0], [0, 2])])
def test_classes_are_all_or_those_that_are_listed(stored, classes, found):
    assert stored.chosen_classes(classes) == found


def test_a_class_that_is_not_there_is_told(stored):
    with pytest.raises(ConfigError, match=r"boundary\.classes: there is no class 3; the data set has 0 to 2"):
        stored.chosen_classes([1, 3])


def test_measured_images_that_make_directions_too_are_refused(faults):
    roles = {"directions": ("train", 0, 80), "held-out": ("train", 80, 100), "measured": ("test", 0, 50)}
    train, test = [bytes([i]) for i in range(100)], [bytes([i]) for i in range(100, 150)]
    check_repeated({"train": train, "test": test}, roles, "mine")
    with pytest.raises(DataError, match=r"datasets\.mine: 10 of 50 measured images are also among the images of"):
        check_repeated({"train": train, "test": test[:40] + train[75:85]}, roles, "mine")
    faults.count("told", "the same images to train and to test")
