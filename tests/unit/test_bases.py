"""Bases: orthonormal to 1e-10, nested, with dependent columns dropped; singular vectors by both Gram routes."""

import numpy as np
import pytest

from friendlyfire.bases.basis import interleave, orthonormalise
from friendlyfire.bases.random import random_basis
from friendlyfire.bases.singular import gram_matrix, singular_directions
from friendlyfire.curvature.spectra import subspace_overlap
from friendlyfire.records.errors import BasisError

RNG = np.random.default_rng(0)


def assert_orthonormal(vectors):
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-10)


def blocks_of(columns, size):
    return [columns[:, i : i + size] for i in range(0, columns.shape[1], size)]


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("spread", [1, 1e-5])
def test_every_prefix_spans_what_the_same_prefix_of_the_input_spans(size, spread):
    # Columns with a small spread are nearly parallel, and a single Gram-Schmidt pass loses orthogonality.
    columns = RNG.standard_normal((50, 1)) + spread * RNG.standard_normal((50, 40))
    vectors, kept = orthonormalise(blocks_of(columns, size), 50)
    assert kept.all()
    assert_orthonormal(vectors)
    for k in (1, 13, 40):
        inside = vectors[:, :k] @ (vectors[:, :k].T @ columns[:, :k])
        np.testing.assert_allclose(inside, columns[:, :k], atol=1e-9)


def test_dependent_and_zero_columns_are_dropped_in_place():
    a, b = RNG.standard_normal((2, 20))
    columns = np.stack([a, 2 * a, np.zeros(20), b, a + b, 1e-12 * RNG.standard_normal(20)], axis=1)
    vectors, kept = orthonormalise([columns], 20)
    assert kept.tolist() == [True, False, False, True, False, True]  # a tiny column is still a direction
    assert_orthonormal(vectors)


def test_reading_ends_when_space_is_full():
    def endless():
        while True:
            yield RNG.standard_normal((10, 4))

    vectors, kept = orthonormalise(endless(), 10)
    assert vectors.shape == (10, 10)
    assert kept.sum() == 10
    assert_orthonormal(vectors)


def test_reading_ends_when_enough_is_kept():
    columns = RNG.standard_normal((10, 8))
    vectors, kept = orthonormalise(blocks_of(columns, 2), 10, largest=3)
    assert kept.tolist() == [True, True, True, False]
    np.testing.assert_allclose(vectors, orthonormalise([columns], 10)[0][:, :3], atol=1e-12)


def test_a_direction_that_is_not_finite_is_refused():
    with pytest.raises(BasisError, match="a direction is not finite"):
        orthonormalise([np.full((4, 1), np.nan)], 4)


def test_interleave_takes_every_lists_first_then_every_lists_second():
    lists = [RNG.standard_normal((12, 5)) for _ in range(3)]
    lists[2][:, 0] = lists[0][:, 0]  # the third list starts with a direction of the first

    def direction_of(i):
        return lambda j: (lists[i][:, j], 10 * i + j)

    basis = interleave([direction_of(i) for i in range(3)], [5, 5, 5], 12)
    assert_orthonormal(basis.vectors)
    assert basis.scores.tolist()[:5] == [0, 10, 1, 11, 21]
    assert basis.rounds.tolist() == [2, 5, 8, 11, 12]
    for j, rank in enumerate(basis.rounds):
        together = np.hstack([columns[:, : j + 1] for columns in lists])
        assert np.linalg.matrix_rank(np.hstack([basis.vectors[:, :rank], together])) == rank


@pytest.mark.parametrize(("n", "d"), [(30, 80), (80, 30), (40, 40), (1, 5)])
@pytest.mark.parametrize("chunk", [7, 1000])
def test_singular_directions_are_those_of_the_svd(n, d, chunk):
    matrix = RNG.standard_normal((n, d)) * np.geomspace(1, 1e-3, d)
    vectors, values = singular_directions(lambda part: matrix[part], n, d, chunk)
    exact = np.linalg.svd(matrix, full_matrices=False)
    assert_orthonormal(vectors)
    np.testing.assert_allclose(values, exact.S, rtol=1e-8)
    np.testing.assert_allclose(np.abs((vectors * exact.Vh.T).sum(0)), 1, atol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(200, 500), (500, 200)])
def test_planted_low_rank_is_found(n, d):
    planted = np.linalg.qr(RNG.standard_normal((d, 6)))[0]
    matrix = (RNG.standard_normal((n, 6)) * [9, 8, 7, 6, 5, 4]) @ planted.T
    vectors, values = singular_directions(lambda part: matrix[part], n, d)
    assert vectors.shape == (d, 6)
    assert len(values) == 6
    assert subspace_overlap(vectors, planted) == pytest.approx(1)


@pytest.mark.parametrize("rows", [np.zeros((0, 5)), np.zeros((3, 5)), np.zeros((9, 5))])
def test_nothing_spans_nothing(rows):
    with pytest.raises(BasisError, match=f"{len(rows)} rows of length 5 span nothing"):
        singular_directions(lambda part: rows[part], len(rows), 5)


def test_gram_matrix_in_chunks_is_the_gram_matrix():
    rows = RNG.standard_normal((23, 40)).astype(np.float32)
    gram = gram_matrix(lambda part: rows[part], [slice(0, 9), slice(9, 18), slice(18, 23)])
    np.testing.assert_allclose(gram, rows.astype(np.float64) @ rows.astype(np.float64).T, rtol=1e-12)


def test_random_bases_are_orthonormal_and_their_seeds():
    vectors = random_basis(60, 60, seed=1)
    assert_orthonormal(vectors)
    np.testing.assert_array_equal(vectors, random_basis(60, 60, seed=1))
    assert subspace_overlap(vectors[:, :30], random_basis(60, 60, seed=2)[:, :30]) == pytest.approx(0.5, abs=0.1)
