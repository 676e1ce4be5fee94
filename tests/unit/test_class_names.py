"""Classes of images among those of a network, by their names."""

import pytest

from friendlyfire.datasets.class_names import columns_of, read_class_names
from friendlyfire.records.errors import ConfigError


def test_imagenet_is_its_1000_sorted_wordnet_ids():
    names = read_class_names("imagenet")
    assert len(names) == 1000
    assert names == sorted(names)
    # Imagenette's tench, church and parachute, at their indices in torchvision.
    assert columns_of(names, ["n01440764", "n03028079", "n03888257"]) == [0, 497, 701]


def test_names_come_as_a_list_or_one_a_line(tmp_path):
    (tmp_path / "names.txt").write_text("cat\n\n grey owl \nzebra\n", encoding="utf-8")
    assert read_class_names(str(tmp_path / "names.txt")) == ["cat", "grey owl", "zebra"]
    assert read_class_names(["cat", 7, "007"]) == ["cat", "7", "007"]
    assert read_class_names(None) is None


def test_a_name_that_comes_twice_is_refused():
    with pytest.raises(ConfigError, match=r"networks\.classes: '7' is listed twice"):
        read_class_names(["7", "cat", 7])


def test_columns_follow_the_classes_of_the_images():
    assert columns_of(["zebra", "owl", "cat", "dog"], ["cat", "dog", "zebra"]) == [2, 3, 0]


def test_a_class_that_the_network_does_not_know_is_told_with_close_ones():
    with pytest.raises(ConfigError, match=r"class 'zebras' is not among the network's 3 classes; did you mean zebra\?"):
        columns_of(["zebra", "owl", "cat"], ["cat", "zebras"])
