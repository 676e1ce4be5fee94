"""The paper's claims, as assertions on the tables that the demo built."""

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def tables(demo):
    names = ("fig3", "fig4", "spectrum")
    return {name: pd.read_csv(demo.folder / f"results/figures/{name}.csv") for name in names}


def row(table, **values):
    """The one row that has these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("basis", ["curvature-positive", "curvature-negative", "curvature-extreme"])
def test_curved_directions_classify_and_flat_ones_do_not(tables, basis, split):
    """Section 4.2: two directions of high curvature a class hold most of the accuracy, two flat ones little of it."""
    curved, flat = (
        row(tables["fig3"], basis=b, split=split, directions_per_class=2) for b in (basis, "curvature-flat")
    )
    assert curved["ci_low"] > 0.75
    assert curved["ci_low"] > flat["ci_high"] + 0.2


@pytest.mark.parametrize("split", ["train", "test"])
def test_directions_of_attack_classify_and_the_others_do_not(tables, split):
    """Section 4.3: the first singular vectors of DeepFool perturbations classify, the last do not."""
    table = tables["fig4"]
    high, low = (
        table[(table["basis"] == f"deepfool-{order}") & (table["split"] == split)] for order in ("high", "low")
    )
    quarter = high["rank"].between(10, 16)
    assert quarter.any()
    assert (high[quarter]["ci_low"] > 0.9).all()
    assert (low[low["rank"].between(10, 48)]["accuracy"] < 0.3).all()


def test_all_bases_end_at_the_plain_accuracy(tables):
    for name in ("fig3", "fig4"):
        table = tables[name]
        full = table[table["rank"] == table.groupby("basis")["rank"].transform("max")]
        spread = full[full["basis"] != "pca"].groupby("split")["accuracy"].agg(lambda a: a.max() - a.min())
        # Projection onto all of space rounds in float32, which can turn an image at a boundary.
        assert (spread <= 2 / 360).all()


def test_few_directions_curve(tables):
    """Sections 2.2 and 3: most directions are nearly flat; the extremes stand out."""
    curved = tables["spectrum"].query("spectrum == 'curvature'")
    for _, values in curved.groupby("class")["value"]:
        assert values.abs().median() < values.abs().max() / 2


def test_singular_values_of_perturbations_fall(tables):
    values = tables["spectrum"].query("spectrum == 'deepfool'")["value"].to_numpy()
    assert (values[1:] <= values[:-1]).all()
    assert values[16] < values[0] / 3
