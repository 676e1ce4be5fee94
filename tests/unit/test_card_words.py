"""What a card says of a network follows from its tables, whatever was measured."""

import pandas as pd
import pytest

from friendlyfire.claims.verdicts import UNTRUSTED
from friendlyfire.pages.card import Accuracy, attack_facts, doubts_of

LEGEND = {"deepfool-high": {"label": "DeepFool, high to low", "colour": "#000000"}}
D = 100


def tables(ranks, accuracies, basis="deepfool-high", images=400, full_accuracy=0.8, **network):
    """Tables of repetitions: for each its ranks, and the accuracies there."""
    every = {"basis": basis, "split": "test", "full_accuracy": full_accuracy, "images": images}
    rows = [
        {**every, "seed": seed, "rank": rank, "accuracy": accuracy}
        for seed, (some, line) in enumerate(zip(ranks, accuracies, strict=True))
        for rank, accuracy in zip(some, line, strict=True)
    ]
    about = {"accuracy": 0.8, "ci_low": 0.75, "majority": 0.1, "classes": 10, **network}
    return {
        "network": pd.DataFrame([about] * len(ranks)),
        "ranks": pd.DataFrame(rows),
        "accuracy": pd.DataFrame(),
        "quality": pd.DataFrame({"class": [0, 1], "points": 40, "overlap": 0.7}),
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (tables([[0, 10, D]], [[0.1, 0.72, 0.8]]), "The 10 directions along which it is fooled most (of 100) restore"),
        (tables([[0, 10, 20]], [[0.1, 0.3, 0.4]]), "The 20 directions along which it is fooled here, of 100, do not"),
        # 90 % of the accuracy on the images that are projected, not on all.
        (tables([[0, 10, D]], [[0.1, 0.75, 0.9]], full_accuracy=0.9), "The 46 directions along"),
        (tables([[0, 10, D]], [[0.1, 0.75, 0.9]], full_accuracy=0.9), "restore 90 % of its accuracy of 90.0 %"),
        (tables([[0, D]], [[0.1, 0.8]], basis="pca"), "was not measured: name deepfool-high in figures.fig4"),
        (tables([[0, D]], [[0.1, 0.8]], majority=0.9), "no better than a constant guess (80.0 % against 90.0 %)"),
        # The mean over repetitions, whose ranks need not be the same; not the better one.
        (tables([[0, 10, 90], [0, 30, 95]], [[0.1, 0.72, 0.8]] * 2), "The 20 directions along which"),
        (tables([[0, 10, 90], [0, 30, 95]], [[0.1, 0.75, 0.8], [0.1, 0.2, 0.3]]), "do not restore"),
    ],
)
def test_the_summary_says_what_was_measured(given, said):
    assert said in Accuracy(given, D).summary(LEGEND)


def test_attacks_are_told_without_a_unit_only():
    row = {"factor": 1, "perturbation_norm": 1.0, "image_norm": 50.0, "fooling": 1.0, "images": 500}
    ends = {"fooling_ci_low": 0.9, "fooling_ci_high": 1.0}
    transfer = pd.DataFrame([{**row, **ends, "side": side} for side in (28, 14)])
    assert ("size of its perturbations", "2 % of an image (mean norms, the mean image subtracted)") in attack_facts(
        transfer, 28
    )
    assert attack_facts(transfer[transfer["side"] < 28], 28) == []


@pytest.mark.parametrize(
    ("overlap", "told"), [(0.7, "Not judged, 2 of 3 claims: two"), (0.05, "Not judged for it: 2 of 3")]
)
def test_a_reason_is_told_once_with_its_claims(overlap, told):
    given = tables([[0, D]], [[0.1, 0.8]])
    reason = "two halves of the sample overlap by 0.02; raise boundary.images"
    verdicts = pd.DataFrame({"verdict": [UNTRUSTED, UNTRUSTED, "holds"], "reason": [reason, reason, ""]})
    (found,) = doubts_of(Accuracy(given, D), given["quality"].assign(overlap=overlap), verdicts)
    assert told in found


def test_the_summary_names_the_controls():
    parts = [
        tables([[0, 10, 20, D]], [[0.1, 0.5, 0.8, 0.8]]),
        tables([[0, 10, D]], [[0.1, 0.73, 0.8]], basis="pca"),
        tables([[0, 10, 20]], [[0.1, 0.3, 0.4]], basis="random"),
    ]
    given = {**parts[0], "ranks": pd.concat(part["ranks"] for part in parts)}
    legend = {**LEGEND, **{name: {"label": name, "colour": "#000000"} for name in ("pca", "random")}}
    # Interpolated: 0.72 lies at 10 + 10 * 0.22 / 0.3 directions.
    assert "The 18 directions along which it is fooled most" in Accuracy(given, D).summary(legend)
    assert "do not depend on the network need: pca 10, random never." in Accuracy(given, D).summary(legend)
