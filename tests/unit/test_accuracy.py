"""Projected accuracy: rank 0 is the mean image, full rank the image itself, complements add up."""

import numpy as np
import pytest
import torch

from friendlyfire.bases.random import random_basis
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.measures.projections import nested_projections
from friendlyfire.measures.ranks import spaced_ranks

D = 64


@pytest.fixture
def setting(digits):
    images, labels = digits["test"]
    mean = digits["train"][0].float().mean(0) / 255
    return images.float() / 255, labels, mean, torch.from_numpy(random_basis(D, D, 0)).float()


def test_projections_are_nested_and_end_at_the_image(setting):
    images, _, mean, basis = setting
    ranks = [0, 1, 10, 40, D]
    for rank, projected in zip(ranks, nested_projections(images, mean, basis, ranks), strict=True):
        q = basis[:, :rank]
        direct = mean + ((images - mean).flatten(1) @ q @ q.T).reshape(images.shape)
        torch.testing.assert_close(projected, direct, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(projected, images, atol=1e-5, rtol=1e-5)


def test_components_in_complementary_subspaces_have_all_of_the_norm(setting):
    images, _, mean, basis = setting
    centred = (images - mean).flatten(1)
    (inside,) = nested_projections(images, mean, basis[:, :23], [23])
    (outside,) = nested_projections(images, mean, basis[:, 23:], [D - 23])
    a, b = ((part - mean).flatten(1).norm(dim=1) / centred.norm(dim=1) for part in (inside, outside))
    torch.testing.assert_close(a**2 + b**2, torch.ones(len(images)))


@pytest.mark.parametrize("batch", [1000, 37])
def test_rank_zero_is_the_mean_image_and_full_rank_plain_accuracy(trained, setting, batch):
    images, labels, mean, basis = setting
    network = trained()
    batches = zip(images.split(batch), labels.split(batch), strict=True)
    correct = correct_by_rank(network, batches, mean, basis, [0, 20, D]).sum(1)
    assert correct[0] == int((labels == network(mean[None]).argmax()).sum())
    assert correct[2] == int((network(images).argmax(1) == labels).sum())
    assert correct[0] < correct[1] < correct[2]


@pytest.mark.parametrize(("largest", "count"), [(64, 16), (784, 20), (3, 10), (1, 1), (3072, 30)])
def test_spaced_ranks_ascend_to_the_largest(largest, count):
    ranks = spaced_ranks(largest, count)
    assert ranks[-1] == largest
    assert ranks[0] >= 1
    assert len(ranks) <= count
    assert all(np.diff(ranks) > 0)


def test_logits_that_are_no_numbers_are_no_class(faults):
    """argmax takes a NaN as the largest value, so it would return the first class."""
    images, labels = torch.rand(6, 1, 2, 2) + 0.1, torch.zeros(6, dtype=torch.long)

    def network(batch):
        return torch.stack([batch.flatten(1).sum(1).log(), batch.flatten(1).sum(1) - 9], 1)

    basis = torch.eye(4)
    correct = correct_by_rank(network, [(images, labels)], -torch.ones(1, 2, 2), basis, [0, 4])
    assert not correct[0].any()
    assert correct[1].all()
    faults.count("told", "logits that are no numbers")
