"""Boundary points of linear classifiers with known distances and margins, with and without a third class between."""

import pytest
import torch
from torch import nn

from friendlyfire.attacks.statuses import Status
from friendlyfire.curvature.boundary import find_boundary

SHAPE = (1, 1, 2)


def linear(weights, bias):
    """A classifier of two pixels with these weights (classes, 2) and bias."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, len(weights))).eval().requires_grad_(False)
    network[1].weight.copy_(torch.tensor(weights))
    network[1].bias.copy_(torch.tensor(bias))
    return network


@pytest.fixture
def two():
    """F_1 - F_0 = 2 x - 1: the boundary is at x = 1/2."""
    return linear([[-1.0, 0.0], [1.0, 0.0]], [0.5, -0.5])


@pytest.fixture
def three():
    """Classes 0, 1 and 2 from left to right; the way from 0 to 2 passes 1, and its margin is crossed last."""
    return linear([[-4.0, 0.0], [0.0, 0.0], [4.0, 0.0]], [1.0, 0.0, -3.0])


def images_at(*x):
    return torch.tensor([[value, 0.3] for value in x]).reshape(-1, *SHAPE)


@pytest.mark.parametrize("step_back", [1.0, 0.84, 0.5])
def test_points_lie_on_the_boundary_or_as_far_back_as_asked(two, step_back):
    images = images_at(0.0, 0.9, 0.2)
    found = find_boundary(two, images, 1, step_back=step_back)
    assert found.statuses.tolist() == [Status.CONVERGED, Status.ALREADY_THERE, Status.CONVERGED]
    assert found.positions.tolist() == [0, 2]
    expected = images[[0, 2]].clone()
    expected[:, 0, 0, 0] += step_back * (0.5 - expected[:, 0, 0, 0])
    torch.testing.assert_close(found.points, expected)
    torch.testing.assert_close(found.clean_margins, torch.tensor([-1.0, -0.6]))
    torch.testing.assert_close(found.margins, (1 - step_back) * found.clean_margins)
    assert found.sources.tolist() == found.rivals.tolist() == [0, 0]


def test_a_point_against_a_third_class_is_not_on_the_named_boundary(three):
    found = find_boundary(three, images_at(0.0, 0.4), 2)
    assert found.sources.tolist() == [0, 1]
    assert found.rivals.tolist() == [1, 1]
    # F_2 = F_1 at x = 3/4, where F_2 - F_0 = 8 x - 4 is 2: half of the clean margin of -4, on the other side.
    torch.testing.assert_close(found.rival_margins, torch.zeros(2), atol=0.1, rtol=0)
    torch.testing.assert_close(found.margins, torch.tensor([2.0, 0.0]), atol=0.2, rtol=0)
    torch.testing.assert_close(found.clean_margins, torch.tensor([-4.0, -1.4]))


def test_images_that_do_not_arrive_leave_no_point(two):
    flat = linear([[0.0, 0.0], [0.0, 0.0]], [2.0, 0.0])
    found = find_boundary(flat, images_at(0.0, 0.9), 1)
    assert found.statuses.tolist() == [Status.ZERO_GRADIENT] * 2
    assert found.points.shape == (0, *SHAPE)
    assert len(found.positions) == len(found.margins) == 0
