"""Every claim holds in a world where it is true by construction, and fails in one where it is false."""

from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from friendlyfire.claims.sample import Sample, area, at_rank, rank_correlation
from friendlyfire.claims.verdicts import (
    FAILS,
    HOLDS,
    UNDECIDED,
    UNTRUSTED,
    doubts,
    interval,
    judged,
    over_seeds,
    verdict,
)
from friendlyfire.declarations import declared, function_at
from friendlyfire.measures.ranks import crossing
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store, open_store

CLAIMS = declared("claims")
N, D, CLASSES, STEPS = 400, 100, 4, 31
RANKS = np.array([0, 1, 3, 5, 10, 20, 40, 70, 100])
BASES = ("curvature-positive", "curvature-negative", "curvature-flat", "deepfool-high", "deepfool-low")


def accuracies(level, clean=0.96):
    """Store of the accuracy of a basis: ``level`` of each rank, the same images first; ``clean`` without projection."""
    correct = np.linspace(0, 1, N, endpoint=False)[None] < np.array([level(rank) for rank in RANKS])[:, None]
    whole = np.linspace(0, 1, N, endpoint=False) < clean
    indices = np.arange(N)
    return {
        "ranks": RANKS,
        "measured/correct": np.packbits(correct, axis=1),
        "measured/whole": whole,
        "measured/indices": indices,
    }


def fractions(level):
    """Store of the norm fractions of a basis, of two attacks."""
    values = np.tile(np.float32([level(rank) for rank in RANKS]), (60, 1))
    return {"ranks": RANKS, **{f"{attack}/fractions": values for attack in ("deepfool", "fgsm")}}


def rising(at):
    """A line that reaches its top at a rank."""
    return lambda rank: 0.2 + 0.76 * min(1, rank / at)


def flat(rank):
    return 0.96 if rank == D else 0.25


def scores(carried, left, changed, symmetry, monotonicity, additive):
    """Store of the scores along the first direction of each class."""
    rng = np.random.default_rng(0)
    clean = np.arange(N) % CLASSES
    predicted = np.tile(clean[None, :, None], (CLASSES, 1, STEPS))
    lot = rng.random(N)
    for target in range(CLASSES):
        for end in (0, -1):
            others, own = (clean != target) & (lot < carried), (clean == target) & (lot < left)
            predicted[target, others, end] = target
            predicted[target, own, end] = (target + 1) % CLASSES
            predicted[target, rng.random(N) < changed, end] = (target + 2) % CLASSES
    image, step = rng.standard_normal((1, 50, 1)), np.linspace(-3, 3, STEPS) ** 2
    grid = 3 * image + step if additive else (3 * image) * step
    return {
        "predicted": predicted.astype(np.int16),
        "clean": clean,
        "targets": np.arange(CLASSES),
        "positions": np.linspace(-1, 1, STEPS),
        "symmetry": np.full((CLASSES, N), symmetry),
        "monotonicity": np.full((CLASSES, N), monotonicity),
        "floors": np.full((CLASSES, 2), 0.3),
        "anchored": np.repeat(grid, CLASSES, axis=0).astype(np.float32),
    }


def world(true):
    """Stores of an experiment in which every claim is true, or every one is false."""
    if true:
        lines = dict.fromkeys(("curvature-positive", "curvature-negative", "deepfool-high"), rising(10))
        lines |= {"curvature-flat": flat, "deepfool-low": flat, "random": rising(80), "pca": rising(10)}
        inside = {name: (lambda rank, line=line: (line(rank) - 0.2) / 0.76) for name, line in lines.items()}
    else:
        lines = dict.fromkeys(("curvature-positive", "deepfool-high", "random"), rising(80))
        lines |= {
            "curvature-negative": rising(5),
            "curvature-flat": rising(5),
            "deepfool-low": rising(5),
            "pca": rising(5),
        }
        inside = dict.fromkeys(lines, lambda rank: 1 - 0.9 * rank / D)
        inside |= dict.fromkeys(lines, lambda rank: 0.1 + 0.9 * rank / D) if False else {}
        inside = {name: (lambda rank, k=k: min(1.0, 0.01 * k + rank / D)) for k, name in enumerate(lines)}
        inside["pca"] = inside["deepfool-high"] = lambda rank: rank / D
    strong = scores(0.8, 0.8, 0.0, 0.9, 0.9, True) if true else scores(0.05, 0.1, 0.0, 0.35, 0.35, False)
    still = scores(0, 0, 0.0 if true else 0.3, 0.3, 0.3, True)
    rng = np.random.default_rng(1)
    slope = np.linspace(1, 2, 30)
    # Norms of attacks fall, or rise, with the norms of images.
    images = np.linspace(1, 5, 6)[:, None] * np.ones(N)
    attacks = 6 - images if true else images
    # Margins that grow with the frequency; the attack on one image fails everywhere.
    profile = np.geomspace(1, 9, 12)[:, None] * rng.uniform(0.8, 1.2, N)
    profile[:, 0] = np.nan
    half, most, few = (rng.random(N) < rate for rate in (0.3, 0.95, 0.2))
    return {
        **{f"accuracy/{name}": accuracies(line) for name, line in lines.items()},
        # A network that was trained on noise is at chance.
        **({} if true else {"accuracy/random": accuracies(lines["random"], clean=0.3)}),
        **{f"fractions/{name}": fractions(line) for name, line in inside.items()},
        "scores/positive": strong,
        "scores/negative": strong,
        "scores/flat": still,
        "scores/random": scores(0.0, 0.0, 0.12, 0.3, 0.3, True),
        "slopes/slopes": {
            "curvatures": slope if true else slope[::-1],
            "slopes": slope[:, None] + 0.01 * rng.standard_normal((30, N)),
        },
        **{f"confinement/deepfool-{order}": {"norms": attacks, "image_norms": images} for order in ("high", "low")},
        "margins/dct": {"norms": profile if true else profile[::-1]},
        "manifold/pca": {
            "variances": np.array([0.5, 0.95]),
            "on-equal": np.stack([profile[0], (3 if true else 1.5) * profile[0]]),
            "off-equal": np.stack([profile[0], profile[0]]),
        },
        "resampling/images": {
            "sides": np.array([10, 5]),
            "factors": np.array([1, 5]),
            "whole": most,
            "correct": np.array([most, most]),
            "fooled": np.array([[most, most], [half, most]] if true else [[most, few], [most, few]]),
            "at_median": np.array([[half, half]] * 2 if true else [[few & half, half]] * 2),
        },
        # The same ten directions in another order, or ten others.
        "bases/jacobian": {"vectors": np.eye(D)[:, np.r_[9:-1:-1, 10:D] if true else slice(None, None, -1)]},
        "bases/deepfool-high": {"vectors": np.eye(D)},
        "transfer/two@1": {"theirs": most if true else few, "ours": most},
        "transfer/one": {"theirs": few, "ours": most},  # its own directions do not count
        # Of a robust twin; the original is the same in both worlds.
        "bending/images": bent(0.2 if true else 0.9),
    }


def bent(largest, part=0.7):
    """Store of curvatures at boundary points, a part of the eigenvalues; not every image has a point of each class."""
    rng = np.random.default_rng(2)
    values = np.array([largest, -0.1, 0.05, -largest / 2])
    found = part * values * (1 + 0.2 * rng.standard_normal((100, 4)))
    found[rng.random(found.shape) < 0.1] = np.nan
    return {"curvatures": found, "eigenvalues": values}


SIGNS = ("positive", "negative")
STILL = scores(0.0, 0.0, 0.0, 0.3, 0.3, True)

#: Behind the only unit, half of the accuracy is left; the other side is that of the images.
UNIT = {
    "resampling/images": {
        "sides": np.array([10, 5]),
        "factors": np.array([1, 5]),
        "whole": np.ones(N, bool),
        "correct": np.array([np.ones(N, bool), np.arange(N) % 2 == 0]),
        "fooled": np.ones((2, 2, N), bool),
        "at_median": np.ones((2, 2, N), bool),
    }
}


def original():
    """Stores of the experiment whose twin the other is."""
    line = rising(10)
    inside = fractions(lambda rank: (line(rank) - 0.2) / 0.76)
    return {
        "accuracy/deepfool-high": accuracies(line),
        "fractions/deepfool-high": inside,
        "bending/images": bent(1.0),
        "margins/dct": {"norms": np.geomspace(9, 1, 12)[:, None] * np.ones(N)},
    }


def record_of(name):
    """Record of the store of this name."""
    counts = {"attacks": ["deepfool", "fgsm"], "images": N, "perturbations": N}
    return {**counts, "experiment": "one", "theirs": name.rpartition("/")[2], "rank": 10}


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """A function of a world that gives its :class:`Sample`."""
    with ExitStack() as stack:

        def sample(arrays_of, **options):
            folder, stores = tmp_path_factory.mktemp("world"), {}
            for name, arrays in arrays_of.items():
                path = folder / f"{name.replace('/', '-')}.zarr.zip"
                with create_store(path, "x", record_of(name)) as store:
                    for key, array in arrays.items():
                        store.array(key, array)
                stores[f"{name}.zarr.zip"] = stack.enter_context(open_store(path, None))
            seed = lambda *names: derive_seed(0, *names)  # noqa: E731
            about = {"pixels": D, "majority": 0.25, "made_by_network": BASES, "draws": 200, "seed": seed, "side": 10}
            return Sample(stores, **about, **options)

        yield {true: sample(world(true), original=sample(original())) for true in (True, False)}


@pytest.mark.parametrize("true", [True, False])
@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_is_judged_as_the_world_is(sampled, name, true):
    found = function_at(CLAIMS[name]["make"])(sampled[true])
    verdicts = []
    for part, draws in (found if isinstance(found, dict) else {"": found}).items():
        assert draws.shape == (201,)
        side, bound = CLAIMS[name]["holds"].get(part) or CLAIMS[name]["holds"]["*"]
        verdicts.append(verdict(*interval(draws[0], draws[1:], N), side, bound))
    assert set(verdicts) == {HOLDS if true else FAILS}


class Held(dict):
    """A store in memory."""

    record = {"experiment": "one"}  # noqa: RUF012

    def shape(self, name):
        return self[name].shape


def of(stores, **options):
    """A sample of stores in memory."""
    stores = {f"{name}.zarr.zip": Held(arrays) for name, arrays in stores.items()}
    about = {"pixels": D, "side": 10, "majority": 0.25, "draws": 20, "seed": lambda *names: derive_seed(0, *names)}
    return Sample(stores, **{**about, **options})


@pytest.mark.parametrize(
    ("own", "others", "doubt"), [(0.7, 0.8, ""), (0.06, 0.8, "0.06"), (0.7, 0.06, "0.06"), (-0.9, 0.06, "-0.9")]
)
def test_eigenvalues_that_are_not_the_curvature_along_their_vectors_are_doubted(own, others, doubt):
    twin, plain = (of({"bending/images": bent(1.0, part)}) for part in (own, others))
    twin.original = plain
    function_at(CLAIMS["robust-flatter"]["make"])(twin)
    assert twin.doubt.startswith(f"one bends by {doubt}") if doubt else not twin.doubt


def ending(level, last):
    """Accuracies of a basis that ends at a rank."""
    found, kept = accuracies(level), last >= RANKS
    return {**found, "ranks": RANKS[kept], "measured/correct": found["measured/correct"][kept]}


never = {"accuracy/curvature-positive": ending(lambda rank: 0.2, 20), "accuracy/random": ending(rising(50), 100)}
early = {"accuracy/curvature-positive": ending(rising(5), 100), "accuracy/random": ending(lambda rank: 0.2, 20)}


@pytest.mark.parametrize(
    ("claim", "stores", "found"),
    [
        ("few-suffice", never, UNDECIDED),  # 20 of 100 directions are fewer than the bound
        ("few-suffice", {"accuracy/curvature-positive": ending(lambda rank: 0.2, 40)}, FAILS),
        ("few-suffice", {"accuracy/curvature-positive": ending(rising(5), 20)}, HOLDS),
        ("fewer-than-random", never, UNDECIDED),
        ("fewer-than-random", early, HOLDS),
        ("sign-irrelevant", {f"accuracy/curvature-{sign}": ending(lambda _: 0.2, 20) for sign in SIGNS}, UNDECIDED),
        ("universal", {f"scores/{kind}": scores(0.1, 0.1, 0, 0, 0, True) for kind in ("positive", "random")}, FAILS),
        ("universal", {"scores/positive": scores(0.1, 0, 0, 0, 0, True), "scores/random": STILL}, UNDECIDED),
        ("universal", {"scores/positive": scores(0.9, 0, 0, 0, 0, True), "scores/random": STILL}, HOLDS),
        ("resampling-masks", UNIT, UNDECIDED),
        ("scaling-restores", UNIT, UNDECIDED),
        ("confined-white-box", UNIT, UNDECIDED),
    ],
)
def test_what_was_not_measured_is_undecided(claim, stores, found):
    draws = function_at(CLAIMS[claim]["make"])(of(stores))
    assert verdict(*interval(draws[0], draws[1:], N), *CLAIMS[claim]["holds"][""]) == found


def test_projections_that_classify_nothing_are_noticed():
    levels = {"nothing": lambda _: 0.26, "something": lambda rank: 0.4 if rank == 5 else 0.2}
    sample = of({f"accuracy/{basis}": accuracies(level) for basis, level in levels.items()}, draws=200)
    assert not sample.guesses  # none was read
    sample.accuracy("nothing")
    assert sample.guesses
    sample.accuracy("something")
    assert not sample.guesses
    sample.accuracy("nothing")
    assert not sample.guesses


def test_images_that_count_are_counted():
    sample = of({})
    values = np.ones((N, 3))
    values[7:, 1] = np.nan
    values[:, 2] = np.nan
    sample.means(values)
    assert sample.fewest == 7


def test_directions_of_a_network_that_needs_no_rank_give_no_verdict(sampled, monkeypatch):
    store = sampled[True].stores["transfer/two@1.zarr.zip"]
    monkeypatch.setitem(store.record, "rank", None)
    (draws,) = function_at(CLAIMS["shared-directions"]["make"])(sampled[True]).values()
    assert np.isnan(draws).all()


def test_what_no_image_was_drawn_for_needs_repetitions():
    draws = [np.full(101, overlap) for overlap in (0.8, 0.82, 0.84)]
    rows = pd.DataFrame([{"claim": "jacobian-same", "part": "", "images": N, "doubt": ""}] * 3)
    (alone,) = judged(rows[:1], {("jacobian-same", ""): draws[:1]}, CLAIMS, 0).itertuples()
    assert (alone.estimate, alone.verdict, alone.interval) == (0.8, UNDECIDED, "none")
    assert np.isnan(alone.ci_low)
    (repeated,) = judged(rows, {("jacobian-same", ""): draws}, CLAIMS, 0).itertuples()
    assert (repeated.verdict, repeated.interval) == (HOLDS, "seeds")
    assert 0.75 < repeated.ci_low < repeated.ci_high < 0.9


def test_a_rank_is_where_the_level_is_first_reached():
    ranks, curves = np.array([1, 2, 4]), np.array([[0.1, 0.5, 0.9], [0.6, 0.5, 0.9], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(crossing(ranks, curves, np.array([0.7, 0.6, 0.7])), [3, 1, np.inf])
    np.testing.assert_allclose(at_rank(ranks, curves, np.array([3, 1, 5])), [0.7, 0.6, np.nan])


def test_medians_are_numpys_and_a_failed_attack_is_the_largest(sampled):
    rng = np.random.default_rng(0)
    for n in (20, 21):
        values = rng.integers(4, size=(n, 3)).astype(float)
        values[:2, 1], values[:15, 2] = np.nan, np.nan
        found, weights = sampled[True].medians(values), sampled[True].weights("measured", n)
        whole = np.where(np.isnan(values), np.inf, values)
        for draw in (0, 1, 7):
            drawn = np.repeat(whole, weights[draw].astype(int), axis=0)
            np.testing.assert_array_equal(found[draw], np.median(drawn, axis=0))


def test_an_area_is_a_mean_over_the_logarithm():
    ranks = np.array([1, 10, 100])
    np.testing.assert_allclose(area(ranks, np.array([[0.5, 0.5, 0.5], [0, 0, 1]])), [0.5, 0.25])


def test_rank_correlations_are_scipys():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    one, other = rng.integers(5, size=(2, 3, 20))
    np.testing.assert_allclose(
        rank_correlation(one, other), [spearmanr(*pair)[0] for pair in zip(one, other, strict=True)]
    )


@pytest.mark.parametrize(
    ("low", "high", "side", "found"),
    [(0.3, 0.4, ">", HOLDS), (0.1, 0.2, ">", FAILS), (0.1, 0.3, ">", UNDECIDED), (0.1, 0.2, "<", HOLDS),
     (0.3, np.inf, "<", FAILS), (0.1, np.inf, "<", UNDECIDED), (np.nan, np.nan, "<", UNDECIDED)],
)  # fmt: skip
def test_a_verdict_needs_the_whole_interval(low, high, side, found):
    assert verdict(low, high, side, 0.25) == found


def test_an_interval_corrects_the_bias_of_its_draws():
    rng, held = np.random.default_rng(0), []
    for _ in range(300):
        # Where resampling lowers the estimate by as much as sampling does.
        measured = 0.8 - 0.1 + 0.05 * rng.standard_normal()
        low, high = interval(measured, measured - 0.1 + 0.05 * rng.standard_normal(400), 100)
        held.append(low <= 0.8 <= high)
    assert np.mean(held) > 0.9


@pytest.mark.parametrize(
    ("estimate", "draws", "found"),
    [
        (np.nan, np.ones(100), (np.nan, np.nan)),
        (1.0, np.r_[np.ones(90), np.full(10, np.nan)], (np.nan, np.nan)),
        (1.0, np.r_[np.ones(90), np.full(10, np.inf)], (1, np.inf)),
        (0.0, np.zeros(100), (-0.06, 0.06)),
    ],
)
def test_an_interval_of_draws_that_are_missing_infinite_or_equal(estimate, draws, found):
    assert interval(estimate, draws, 50) == pytest.approx(found, nan_ok=True)


def test_repetitions_are_drawn_too():
    rng = np.random.default_rng(0)
    draws = [value + np.r_[0, 0.001 * rng.standard_normal(500)] for value in (0.0, 1.0, 2.0)]
    estimate, resampled = over_seeds(draws, 0)
    low, high = interval(estimate, resampled, N)
    assert estimate == pytest.approx(1)
    assert low < 0.4
    assert high > 1.6
    alone, same = over_seeds(draws[:1], 0)
    assert alone == 0
    np.testing.assert_array_equal(same, draws[0][1:])


@pytest.mark.parametrize("name", [name for name in CLAIMS if "range" in CLAIMS[name]])
def test_no_interval_leaves_the_range_of_an_estimate(name):
    least, most = (np.inf if end is None else end for end in CLAIMS[name]["range"])
    assert all(least < bound < most for _, bound in CLAIMS[name]["holds"].values())
    rows = pd.DataFrame([{"claim": name, "part": "", "images": 4, "doubt": ""}] * 2)
    for end, spread in ((least, 0.1), (least, 0), (most, -0.1), (most, 0)):
        draws = end + spread * np.random.default_rng(0).random((2, 101))
        (row,) = judged(rows, {(name, ""): list(draws)}, CLAIMS, 0).itertuples()
        assert least <= row.ci_low <= row.estimate <= row.ci_high <= most


def test_what_is_not_to_be_trusted_has_a_reason_instead_of_a_verdict():
    good = pd.DataFrame({"points": [80, 90], "overlap": [0.6, 0.7]})
    assert doubts(good, 1000, 100) == {"curvature": "", "perturbations": ""}
    assert "overlap by 0.05" in doubts(good.assign(overlap=0.05), 1000, 100)["curvature"]
    assert "5 boundary points" in doubts(good.assign(points=5), 1000, 100)["curvature"]
    assert "no record" in doubts(good.iloc[:0], 1000, 100)["curvature"]
    assert "overlap by nan" in doubts(good.assign(overlap=np.nan), 1000, 100)["curvature"]
    few = doubts(good, 99, 100)["perturbations"]
    assert few == "99 perturbations of 100 pixels; raise perturbations.images, or add images"
    rows = pd.DataFrame([{"claim": "svd-orders", "part": "", "images": 400, "doubt": few}])
    (row,) = judged(rows, {("svd-orders", ""): [np.ones(101)]}, CLAIMS, 0).itertuples()
    assert (row.verdict, row.reason, row.interval) == (UNTRUSTED, few, "images")
