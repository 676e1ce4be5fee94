"""The paper's claims, as assertions on the tables that the demo built."""

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def tables(demo):
    names = ("fig2", "figS1", "figS2", "fig2-form", "fig3", "fig4", "fig5", "coupling", "spectrum")
    return {name: pd.read_csv(demo.folder / f"results/figures/{name}.csv") for name in names}


def row(table, **values):
    """Return the only row with these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def low_end(split):
    """Column of the lower end of an accuracy's interval; accuracy on training images is in-sample and has none."""
    return "ci_low" if split == "test" else "accuracy"


def high_end(split):
    """Likewise of the upper end."""
    return "ci_high" if split == "test" else "accuracy"


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("basis", ["curvature-positive", "curvature-negative", "curvature-extreme"])
def test_curved_directions_classify_and_flat_ones_do_not(tables, basis, split):
    """Section 4.2: two directions of high curvature per class keep most of the accuracy, two flat ones little of it."""
    curved, flat = (
        row(tables["fig3"], basis=b, split=split, directions_per_class=2) for b in (basis, "curvature-flat")
    )
    assert curved[low_end(split)] > 0.75
    assert curved[low_end(split)] > flat[high_end(split)] + 0.2


@pytest.mark.parametrize("split", ["train", "test"])
def test_directions_of_attack_classify_and_the_others_do_not(tables, split):
    """Section 4.3: the first singular vectors of DeepFool perturbations classify, the last do not."""
    table = tables["fig4"]
    high, low = (
        table[(table["basis"] == f"deepfool-{order}") & (table["split"] == split)] for order in ("high", "low")
    )
    quarter = high["rank"].between(10, 16)
    assert quarter.any()
    assert (high[quarter][low_end(split)] > 0.9).all()
    assert (low[low["rank"].between(10, 48)]["accuracy"] < 0.3).all()


def test_all_bases_end_at_the_plain_accuracy(tables):
    for name in ("fig3", "fig4"):
        table = tables[name]
        full = table[table["rank"] == table.groupby("basis")["rank"].transform("max")]
        spread = full[full["basis"] != "pca"].groupby("split")["accuracy"].agg(lambda a: a.max() - a.min())
        # Projection onto the whole space rounds in float32, which can change the class of an image at a boundary.
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


def at_the_ends(table):
    """Return, per class, the largest fraction carried in and the smallest fraction that stays, at the ends."""
    ends = table[table["s_relative"].abs() > 1 - 1e-6].groupby("class")
    return ends["carried"].max(), ends["stays"].min()


def test_positive_directions_carry_in_negative_ones_out_and_flat_ones_do_nothing(tables):
    """Section 4.1 and the supplement."""
    (carried, _), (drawn, leaving), (unmoved, staying) = (at_the_ends(tables[f]) for f in ("fig2", "figS1", "figS2"))
    assert carried.median() > 0.3
    assert drawn.median() < 0.05
    assert leaving.median() < 0.5
    assert unmoved.median() < 0.05
    assert staying.median() > 0.8


def test_scores_are_nearly_additive_and_monotonic(tables):
    """Section 1: additive separability, monotonic half-lines."""
    forms = tables["fig2-form"]
    assert forms["separability_ci_low"].median() > 0.9
    assert forms["monotonicity_ci_low"].median() > 0.9


@pytest.mark.parametrize("attack", ["deepfool", "fgsm", "saliency"])
def test_attacks_lie_where_the_network_looks(demo, attack):
    """Section 4.3: the curved directions hold more of the norm of every attack than as many flat ones."""
    curved, flat = (
        row(pd.read_csv(demo.folder / f"results/digits-lenet/fractions/{b}.csv"), attack=attack, directions_per_class=2)
        for b in ("curvature-positive", "curvature-flat")
    )
    assert curved["ci_low"] > flat["ci_high"] + 0.1


def test_confined_attacks_are_small_where_the_image_is(tables):
    """Section 4.3, figure 5: in the last singular directions the attack must be large, and falls as the image grows."""
    high, low = (tables["fig5"].query(f"basis == 'deepfool-{order}'").set_index("rank") for order in ("high", "low"))
    assert (low["norm"].iloc[:4] > 3 * high["norm"].iloc[:4]).all()
    assert low["norm"].iloc[-1] == pytest.approx(high["norm"].iloc[-1], rel=1e-3)
    assert low["norm"].is_monotonic_decreasing
    assert low["image_norm"].is_monotonic_increasing


def test_lengthened_perturbations_fool_again(demo):
    """Section 4.4, table 1."""
    table = pd.read_csv(demo.folder / "results/tables/table1.csv")
    rates = table.pivot(index="side", columns="factor", values="fooling")
    assert (rates.loc[8] == 1).all()
    assert (rates[10.0] >= rates[1.0]).all()
    assert (rates.loc[[4, 6], 1.0] < 0.9).all()
    assert table.groupby("side")["accuracy"].first().is_monotonic_increasing
