"""The counted work of the demo against what its jobs recorded."""

import pandas as pd
import pytest
import yaml

from engine.cost import work
from engine.schema import with_defaults


@pytest.fixture(scope="module")
def counted(demo):
    shipped = yaml.safe_load((demo.folder / "config.yaml").read_text(encoding="utf-8"))
    return work(with_defaults({}, shipped), "digits-lenet")


def test_gradients_of_the_curvature_are_those_of_the_record(demo, counted):
    """Images that are already in the class have no point on its boundary."""
    quality = pd.read_csv(demo.folder / "results/digits-lenet/quality.csv")
    assert 0.8 * counted["curvature"].gradients < quality["gradients"].sum() < counted["curvature"].gradients


def test_passes_of_the_accuracies_are_those_of_the_tables(demo, counted):
    tables = [pd.read_csv(path) for path in (demo.folder / "results/digits-lenet/accuracy").glob("*.csv")]
    # The grids are completed by rank 0 and the full rank.
    assert sum(table["images"].sum() for table in tables) == pytest.approx(counted["accuracy"].passes, rel=0.25)


def test_the_table_has_every_experiment_and_a_sum(demo):
    printed = demo.run("cost")
    lines = [line for line in printed.splitlines() if line.startswith(("digits-lenet ", "suite "))]
    assert [line.split()[0] for line in lines] == ["digits-lenet", "suite"]
    hours = [float(number) for number in lines[0].replace(",", "").split()[1:]]
    assert hours[0] == 1  # one repetition
    assert all(number >= 0 for number in hours)
