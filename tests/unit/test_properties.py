"""Properties of any input that hypothesis draws: one image, no column, repeated columns, very different scales."""

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from configurations import ALLOWED, SCHEMA, SHIPPED, configurations
from engine.provenance import configured, digest, settings_of, unite
from engine.sections import experiment_settings
from engine.settings import check_config
from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.basis import interleave, orthonormalise
from friendlyfire.bases.random import random_basis
from friendlyfire.bases.singular import singular_directions
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.measures.fractions import norm_fractions
from friendlyfire.measures.projections import nested_projections
from friendlyfire.networks.network import predict
from friendlyfire.networks.resampled import resample
from friendlyfire.records.errors import BasisError, ConfigError
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.stores import create_store, open_store

SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.sampled_from([1e-30, 1e-6, 1.0, 1e6, 1e30])


@st.composite
def columns(draw):
    """Draw a matrix (d, n) with repeated, zero and combined columns, each with its own scale."""
    d, n = draw(st.integers(1, 12)), draw(st.integers(1, 16))
    rng = np.random.default_rng(draw(SEEDS))
    rank = draw(st.integers(0, min(d, n)))
    matrix = rng.standard_normal((d, rank)) @ rng.integers(-1, 2, (rank, n))
    return matrix * np.array(draw(st.lists(SCALES, min_size=n, max_size=n)))


@given(matrix=columns(), split=st.integers(0, 16), largest=st.none() | st.integers(1, 12))
def test_orthonormal_columns_span_what_their_input_spans(matrix, split, largest):
    blocks = [block for block in (matrix[:, :split], matrix[:, split:]) if block.shape[1]]
    vectors, kept = orthonormalise(iter(blocks), len(matrix), largest)
    lengths = np.linalg.norm(matrix, axis=0)
    units = matrix / np.where(lengths > 0, lengths, 1)
    assert vectors.shape == (len(matrix), kept.sum())
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(kept.sum()), atol=1e-10)
    # Every prefix lies in the span of its kept columns.
    for stop in range(1, len(kept) + 1):
        if kept[: stop - 1].sum() == largest:  # full: no room for the rest
            break
        basis = vectors[:, : kept[:stop].sum()]
        np.testing.assert_allclose(basis @ (basis.T @ units[:, :stop]), units[:, :stop], atol=1e-6)


@given(matrix=columns())
def test_directions_in_turn_are_nested(matrix):
    lists = [lambda j, column=column: (column, float(j)) for column in matrix.T]
    basis = interleave(lists, [1] * matrix.shape[1], len(matrix))
    assert basis.rounds[-1] == basis.vectors.shape[1] == len(basis.scores)


@given(matrix=columns(), scale=SCALES, chunk=st.none() | st.integers(1, 20), float32=st.booleans())
def test_singular_directions_are_numpys(matrix, scale, chunk, float32):
    rows = (np.sign(matrix) * np.sqrt(np.abs(matrix) / max(np.abs(matrix).max(), 1e-300)) * scale).T
    rows = rows.astype(np.float32) if float32 else rows
    n, pixels = rows.shape
    if not rows.any():
        with pytest.raises(BasisError, match="span nothing"):
            singular_directions(lambda part: rows[part], n, pixels, chunk)
        return
    vectors, values = singular_directions(lambda part: rows[part], n, pixels, chunk)
    expected = np.linalg.svd(rows.astype(np.float64), compute_uv=False)
    large = expected > 1e-4 * expected[0]
    assert large.sum() <= len(values) <= min(n, pixels)
    np.testing.assert_allclose(values[: large.sum()], expected[large], rtol=1e-6)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(values)), atol=1e-8)
    assert (np.diff(values) <= 0).all()


@given(seed=SEEDS, n=st.integers(1, 4), k=st.integers(0, 12), scale=SCALES, channels_last=st.booleans())
def test_projections_of_any_images_are_nested(seed, n, k, scale, channels_last):
    images = torch.from_numpy(np.random.default_rng(seed).standard_normal((n, 3, 2, 2)) * scale)
    mean, basis = images.mean(0), torch.from_numpy(random_basis(12, 12, seed))
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    first, *_, last = nested_projections(images, mean, basis[:, : max(k, 1)], sorted({0, k}) if k else [0, 0])
    torch.testing.assert_close(first, mean.expand_as(images), atol=1e-12 * scale, rtol=0)
    expected = mean.flatten() + (images - mean).flatten(1) @ basis[:, :k] @ basis[:, :k].T
    torch.testing.assert_close(last.flatten(1), expected, atol=1e-10 * scale, rtol=0)


@given(seed=SEEDS, n=st.integers(1, 5), scale=SCALES)
def test_fractions_rise_from_nothing_to_all(seed, n, scale):
    rng = np.random.default_rng(seed)
    perturbations, basis = rng.standard_normal((n, 8)) * scale, random_basis(8, 8, seed)
    found = norm_fractions(perturbations, basis, range(9))
    assert (found[:, 0] == 0).all()
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_allclose(found[:, -1], 1)
    rest = norm_fractions(perturbations, basis[:, ::-1], range(9))
    np.testing.assert_allclose(found**2 + rest[:, ::-1] ** 2, 1)


@given(n=st.integers(1, 10**7), share=st.floats(0, 1))
def test_intervals_hold_their_proportion(n, share):
    k = round(share * n)
    low, high = wilson_interval(k, n)
    assert 0 <= low <= k / n <= high <= 1


@given(seed=SEEDS, side=st.integers(1, 8), scale=st.floats(-1e3, 1e3))
def test_resampling_is_linear(seed, side, scale):
    one, other = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 1, 3, 8, 8)))
    both = resample(one + scale * other, side)
    torch.testing.assert_close(both, resample(one, side) + scale * resample(other, side), atol=1e-9, rtol=1e-9)


LAYOUTS = {
    "contiguous": lambda images: images,
    "channels last": lambda images: images.contiguous(memory_format=torch.channels_last),
    "transposed": lambda images: images.transpose(2, 3).contiguous().transpose(2, 3),
    "every second": lambda images: images.repeat_interleave(2, 0)[::2],
    "expanded": lambda images: images[:1].expand(len(images), -1, -1, -1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [1, 5])
def test_attacks_and_accuracies_do_not_see_how_images_lie_in_memory(trained, digits, layout, n):
    network, images = trained(), digits["test"][0][:n].float() / 255
    laid = LAYOUTS[layout](images)
    images = laid.contiguous().clone()
    expected, found = deepfool(network, images), deepfool(network, laid)
    torch.testing.assert_close(found.perturbations, expected.perturbations, atol=1e-4, rtol=1e-3)
    assert torch.equal(found.statuses, expected.statuses)
    labels, basis = predict(network, images).argmax(1), torch.from_numpy(random_basis(64, 64, 0)).float()
    counts = [
        correct_by_rank(lambda x: predict(network, x), [(each, labels)], images.mean(0), basis, [0, 8, 64]).sum(1)
        for each in (images, laid)
    ]
    np.testing.assert_array_equal(*counts)
    assert counts[0][-1] == n


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_deepfool_does_not_see_the_scale_of_the_logits(trained, digits, scale):
    network, images = trained(), digits["test"][0][:8].float() / 255
    expected, found = deepfool(network, images), deepfool(lambda x: scale * network(x), images)
    assert found.converged.all()
    torch.testing.assert_close(found.perturbations, expected.perturbations, atol=1e-4, rtol=1e-3)


def test_images_that_repeat_have_one_answer(trained, digits):
    images = digits["test"][0][:1].float() / 255
    attack = deepfool(trained(), images.repeat(9, 1, 1, 1))
    torch.testing.assert_close(attack.perturbations, attack.perturbations[:1].expand(9, -1, -1, -1), atol=1e-5, rtol=0)


DTYPES = arrays.integer_dtypes(endianness="=") | arrays.floating_dtypes(endianness="=", sizes=(32, 64)) | st.just(bool)


@given(
    data=arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=7)),
    flipped=st.booleans(),
)
def test_stores_give_back_any_array(tmp_path_factory, data, flipped):
    data = np.flip(data).T if flipped else data
    path = tmp_path_factory.mktemp("store") / "any.zarr.zip"
    with create_store(path, "any", {}) as store:
        store.array("data", data)
    with open_store(path, "any") as store:
        np.testing.assert_array_equal(store["data"], data, strict=True)


def leaves(config, path=()):
    """Yield the paths of all values of a configuration that are not sections."""
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


#: Values that are invalid for every key.
IMPOSSIBLE = st.sampled_from([{"such": {"a": "key"}}, [[[]]], -3.5, [-1], float("nan")])


#: Foolbox checks the options of its attacks.
KEYS = [path for path in leaves(SHIPPED) if path != ("perturbations", "foolbox")]


@given(path=st.sampled_from(KEYS), value=IMPOSSIBLE)
def test_any_damage_of_any_key_is_told_in_a_line(path, value):
    config = copy.deepcopy(SHIPPED)
    section = config
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    with pytest.raises(ConfigError) as told:
        check_config(config, SCHEMA)
    assert "\n" not in str(told.value)
    assert str(path[-1]) in str(told.value) or str(path[-2]) in str(told.value)


@given(config=configurations(), order=st.randoms())
def test_provenance_knows_settings_whatever_their_order(config, order):
    sections = {stage: experiment_settings(config, "digits-lenet", stage) for stage in ALLOWED}
    flat = settings_of({"seed": 0, **sections}, "digits-lenet")
    assert all(configured(config, key) == value for key, value in flat.items())
    assert not any(key.endswith("shards") for key in flat)
    assert unite({"a": flat, "b": flat}, config) == flat
    items = list(flat.items())
    order.shuffle(items)
    assert digest(dict(items)) == digest(flat)
    for (key, value), other in itertools.product(items[:3], [None, "another"]):
        if value != other:
            assert digest({**flat, key: other}) != digest(flat)
