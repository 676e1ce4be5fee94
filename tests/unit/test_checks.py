"""Every function raises a one-line ValueError for invalid batches of images, targets and bases."""

import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.fgsm import fgsm
from friendlyfire.attacks.foolbox import foolbox_perturbations
from friendlyfire.attacks.saliency import saliency
from friendlyfire.attacks.universal import universal

SHAPE, D, CLASSES = (3, 4, 4), 48, 5

FUNCTIONS = {
    "deepfool": deepfool,
    "fgsm": lambda network, images: fgsm(network, images, epsilon=0.1),
    "saliency": saliency,
    "universal": lambda network, images: universal(
        network, images, images, radius=1, max_passes=1, generator=torch.Generator()
    ),
    "held out": lambda network, images: universal(
        network, torch.rand(2, *SHAPE), images, radius=1, max_passes=1, generator=torch.Generator()
    ),
    "foolbox": lambda network, images: foolbox_perturbations(network, images, "L2PGD", seed=0, epsilon=0.1),
}


@pytest.fixture
def affine():
    return nn.Sequential(nn.Flatten(), nn.Linear(D, CLASSES)).eval().requires_grad_(False)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (255 * torch.rand(2, *SHAPE) + 1, r"pixels in \[0, 1\] are expected, but these reach 2\d\d.*; divide by 255"),
        (-20 * torch.ones(2, *SHAPE), r"these reach 20; divide by 255"),
        (torch.full((2, *SHAPE), 200, dtype=torch.uint8), r"of dtype torch\.uint8: .*divide by 255, or call as_pixels"),
        (torch.rand(SHAPE), r"of shape \(3, 4, 4\): \(n, channels, height, width\) is expected"),
        (torch.rand(2, D), r"of shape \(2, 48\): \(n, channels, height, width\) is expected"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(affine, function, images, message):
    with pytest.raises(ValueError, match=message) as caught:
        FUNCTIONS[function](affine, images)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - {"foolbox"}))  # Foolbox itself stays in [0, 1]
def test_perturbed_images_may_leave_their_range(affine, function):
    FUNCTIONS[function](affine, 4 * torch.rand(2, *SHAPE) - 2)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (3, r"targets=3: a tensor of 2 classes is expected"),
        (torch.tensor([1, CLASSES]), r"targets from 1 to 5: the network's classes are 0 to 4"),
        (torch.tensor([-1, 0]), r"targets from -1 to 0: the network's classes are 0 to 4"),
        (torch.tensor([1, 2, 3]), r"targets of shape \(3,\): one class for each image is expected, \(2,\)"),
        (torch.tensor([[1], [2]]), r"targets of shape \(2, 1\)"),
        (torch.tensor([1.0, 2.0]), r"targets of dtype torch\.float32: .*targets\.long\(\)"),
    ],
)
def test_targets_that_are_no_classes_are_refused(affine, targets, message):
    with pytest.raises(ValueError, match=message):
        deepfool(affine, torch.rand(2, *SHAPE), targets)


def test_targets_may_be_of_any_integer_type(affine):
    images = torch.rand(2, *SHAPE)
    short, long = (deepfool(affine, images, torch.tensor([1, 2], dtype=d)) for d in (torch.int16, torch.int64))
    assert torch.equal(short.perturbations, long.perturbations)


@pytest.mark.parametrize(
    ("basis", "message"),
    [
        (torch.eye(7, D), r"basis of shape \(7, 48\): .*\(48, k\) with k at most 48; transpose it"),
        (torch.ones(D), r"basis of shape \(48,\): .*\(48, k\) with k at most 48$"),
        (torch.rand(D, D + 1), r"basis of shape \(48, 49\)"),
    ],
)
def test_what_is_no_basis_is_refused(affine, basis, message):
    with pytest.raises(ValueError, match=message):
        deepfool(affine, torch.rand(2, *SHAPE), basis=basis)
