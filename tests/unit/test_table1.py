"""Table 1 holds means over repetitions, in the paper's form."""

import runpy

import pandas as pd

from conftest import REPOSITORY


def test_a_row_per_side_and_a_column_per_factor():
    script = runpy.run_path(str(REPOSITORY / "workflow/scripts/tabulate_resampling.py"))
    rows = pd.DataFrame(
        {
            "side": side,
            "factor": factor,
            "seed": seed,
            "fooling": (factor / 10 + seed / 5) * side / 28,
            "image_norm": side + seed,
            "perturbation_norm": 0.5 + seed,
            "accuracy": 0.9 - seed / 10,
        }
        for side in (14, 28)
        for factor in (1.0, 2.5)
        for seed in (0, 1)
    )
    table = script["paper_form"](rows, "mine")
    assert list(table) == ["experiment", "side", "image_norm", "perturbation_norm", "accuracy", "1", "2.5"]
    assert table["side"].tolist() == [28, 14]
    whole, half = table.drop(columns="experiment").round(9).to_numpy().tolist()
    assert whole == [28, 28.5, 1, 85, 20, 35]
    assert half == [14, 14.5, 1, 85, 10, 17.5]
