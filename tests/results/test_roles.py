"""Images behind each result: nothing is measured on images that make directions."""

import numpy as np
import pandas as pd
import pytest

from friendlyfire.datasets.images import Dataset
from friendlyfire.records.stores import open_store


@pytest.fixture(scope="module")
def roles(demo):
    """Return the source's positions (split, index) of the images of each role."""
    with open_store(demo.folder / "results/datasets/digits.zarr.zip", "dataset") as store:
        dataset = Dataset(store)
        parts = {role: dataset.part(role) for role in dataset.roles}
        return {role: {(part.split, index) for index in part.indices().tolist()} for role, part in parts.items()}


def test_the_roles_of_the_demo_are_disjoint_and_whole(roles):
    sizes = {role: len(images) for role, images in roles.items()}
    assert sizes == {"training": 1437, "directions": 1237, "held-out": 200, "measured": 360}
    assert not roles["directions"] & roles["held-out"]
    assert not roles["training"] & roles["measured"]


#: Arrays of image indices in every store, the role that the images must have, and their number.
STORED = [
    ("perturbations/uap", "indices", "directions", 120),
    ("boundary/shard-0", "indices", "directions", 60),
    ("accuracy/pca", "measured/indices", "measured", 360),
    ("accuracy/pca", "training/indices", "training", 1437),
    ("fractions/pca", "deepfool/indices", "held-out", 200),
    ("fractions/pca", "saliency/indices", "held-out", 200),
    ("confinement/deepfool-high", "indices", "measured", 1),
]


@pytest.mark.parametrize(("name", "array", "role", "count"), STORED)
def test_every_stage_takes_images_of_its_role(demo, roles, name, array, role, count):
    with open_store(demo.folder / f"results/digits-lenet/{name}.zarr.zip", None) as store:
        indices = store[array].tolist()
    split = "test" if role == "measured" else "train"
    assert len(set(indices)) == len(indices) == count
    assert {(split, index) for index in indices} <= roles[role]


@pytest.mark.parametrize("attack", ["deepfool", "fgsm", "saliency"])
def test_attacks_say_which_images_are_held_out(demo, roles, attack):
    with open_store(demo.folder / f"results/digits-lenet/perturbations/{attack}.zarr.zip", "perturbations") as store:
        indices, held_out = store["indices"], store["held_out"]
    for role, chosen in (("held-out", held_out), ("directions", ~held_out)):
        assert {("train", index) for index in indices[chosen].tolist()} <= roles[role]
    assert (held_out.sum(), len(held_out)) == (200, 1400)


def test_kept_images_give_the_numbers_of_the_tables(demo):
    """The means of the bits and fractions of single images are the numbers in the table."""
    folder = demo.folder / "results/digits-lenet"
    accuracy, fractions = (pd.read_csv(folder / f"{stage}/dct.csv") for stage in ("accuracy", "fractions"))
    with open_store(folder / "accuracy/dct.zarr.zip", "accuracy") as store:
        for role, table in accuracy.groupby("role"):
            correct = np.unpackbits(store[f"{role}/correct"], axis=1, count=len(store[f"{role}/indices"]))
            np.testing.assert_array_equal(table["rank"], store["ranks"])
            np.testing.assert_allclose(correct.mean(1), table["accuracy"])
    with open_store(folder / "fractions/dct.zarr.zip", "fractions") as store:
        for attack, table in fractions.groupby("attack"):
            np.testing.assert_allclose(store[f"{attack}/fractions"].mean(0), table["fraction"], atol=1e-6)


def test_what_has_no_length_is_not_said_to_fool(demo):
    table = pd.read_csv(demo.folder / "results/digits-lenet/fractions/dct.csv").groupby("attack")["fooling"].first()
    assert np.isnan(table["saliency"])
    assert (table.drop("saliency") > 0.2).all()
    assert "saliency" not in (demo.folder / "results/figures/fig3.rst").read_text().split("rates:")[1].split(".")[0]


def test_rates_of_table_1_are_of_all_its_images(demo):
    for name in ("table1", "table1-attacks"):
        table = pd.read_csv(demo.folder / f"results/tables/{name}.csv")
        assert (table["images"] == 360).all()
        assert (table["role"] == "measured").all()
        fooled = 360 * table["fooling"]
        np.testing.assert_allclose(fooled, fooled.round(), atol=1e-9)
        assert (table["perturbations"] <= 360).all()


def test_the_quality_record_says_where_the_boundary_points_lie(demo):
    table = pd.read_csv(demo.folder / "results/digits-lenet/quality.csv")
    with open_store(demo.folder / "results/digits-lenet/boundary/shard-0.zarr.zip", "boundary") as store:
        for c in store.record["classes"]:
            row = table[table["class"] == int(store.record["class_names"][c])].iloc[0]
            assert row["against_source"] == pytest.approx((store[f"{c}/sources"] == store[f"{c}/rivals"]).mean())
            assert row["points"] == len(store[f"{c}/points"]) == row["boundary_converged"]
    assert table["against_source"].between(0.1, 0.9).all()
    assert table["margin"].between(0.001, 0.5).all()
