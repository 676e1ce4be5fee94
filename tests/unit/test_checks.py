"""Every function raises a one-line ValueError for invalid networks, batches of images, targets and bases."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.attacks.adapters import deepfool_images
from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.fgsm import fgsm
from friendlyfire.attacks.foolbox import foolbox_perturbations
from friendlyfire.attacks.saliency import saliency
from friendlyfire.attacks.universal import universal
from friendlyfire.bases.basis import Basis, subspace_overlap
from friendlyfire.bases.gradients import logit_jacobians
from friendlyfire.bases.random import random_basis
from friendlyfire.curvature.hessians import DifferenceHessian, ExactHessian
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.measures.fractions import norm_fractions
from friendlyfire.measures.projections import nested_projections

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
        (np.random.default_rng(0).random((2, *SHAPE)), "a tensor is expected, not ndarray; call torch.from_numpy"),
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
        (torch.randn(D, 10), r"columns of the basis are not orthonormal, .*call torch\.linalg\.qr\(basis\)\.Q"),
        (1.01 * torch.eye(D, 5), "not orthonormal"),
        (torch.eye(D, 5)[:, [0, 1, 1]], "not orthonormal"),
        (torch.eye(D, 5) * torch.tensor([1, 1, 1, 1, torch.nan]), "not orthonormal"),
        (
            Basis(np.eye(D), np.ones(D)),
            r"a tensor or an array of columns \(48, k\) is expected, not Basis; give",
        ),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        lambda network, basis: deepfool(network, torch.rand(2, *SHAPE), basis=basis),
        lambda network, basis: list(nested_projections(torch.rand(2, *SHAPE), torch.rand(SHAPE), basis, [1])),
        lambda network, basis: norm_fractions(np.ones((2, D)), basis, [1]),
    ],
)
def test_what_is_no_basis_is_refused(affine, function, basis, message):
    with pytest.raises(ValueError, match=message):
        function(affine, basis)


def test_a_basis_may_be_an_array(affine):
    images, columns = torch.rand(2, *SHAPE), random_basis(D, 9, seed=0)
    given = [columns, columns[::-1][::-1], torch.from_numpy(columns), torch.from_numpy(columns).half()]
    first, *others = (deepfool(affine, images, basis=basis).perturbations for basis in given)
    for other in others:
        torch.testing.assert_close(other, first, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("ranks", [[5, 3], [-1, 3], [3, 11]])
def test_ranks_that_the_basis_does_not_have_are_refused(ranks):
    basis = random_basis(D, 10, seed=0)
    with pytest.raises(ValueError, match=r"ranks \[.*\]: ascending numbers of the 10 columns of the basis"):
        list(nested_projections(torch.rand(2, *SHAPE), torch.rand(SHAPE), torch.from_numpy(basis).float(), ranks))
    with pytest.raises(ValueError, match="of the 10 columns"):
        norm_fractions(np.ones((2, D)), basis, ranks)


@pytest.mark.parametrize("second", [2 * np.eye(D, 3), np.eye(D, 4), np.eye(D + 1, 3)])
def test_subspaces_that_cannot_be_compared_are_refused(second):
    with pytest.raises(ValueError, match="not orthonormal|cannot be compared|of shape"):
        subspace_overlap(np.eye(D, 3), second)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (lambda logits: (logits, logits), "the network returns a tuple: a tensor of logits is expected"),
        (lambda logits: logits.argmax(1), r"returns shape \(2,\) for 2 images: logits \(2, classes\) of two classes"),
        (lambda logits: logits[:, :1], r"returns shape \(2, 1\) for 2 images"),
        (
            lambda logits: logits.softmax(1),
            "the network returns probabilities, which sum to 1, and not logits; remove",
        ),
    ],
)
def test_what_are_no_logits_is_refused(affine, head, message):
    with pytest.raises(ValueError, match=message):
        deepfool(lambda images: head(affine(images)), torch.rand(2, *SHAPE))


@pytest.mark.parametrize("labels", [torch.tensor([1]), torch.tensor([[1], [2]]), torch.tensor([1.0, 2.0])])
def test_labels_that_are_no_classes_are_refused(affine, labels):
    images, basis = torch.rand(2, *SHAPE), torch.eye(D)
    with pytest.raises(ValueError, match="labels of (shape|dtype)"):
        correct_by_rank(affine, [(images, labels)], images[0], basis, [3])
    with pytest.raises(ValueError, match="labels of (shape|dtype)"):
        deepfool_images(affine, images, labels)


@pytest.mark.parametrize(
    "function",
    [
        *FUNCTIONS.values(),
        lambda network, images: logit_jacobians(network, images),
        lambda network, images: DifferenceHessian(network, images, 0, torch.ones(len(images), dtype=torch.long), 0.1),
        lambda network, images: correct_by_rank(
            network, [(images, torch.ones(len(images), dtype=torch.long))], images[0], torch.eye(D), [3]
        ),
    ],
)
def test_a_network_in_training_mode_is_refused(affine, function):
    with pytest.raises(ValueError, match=r"training mode; call network\.eval"):
        function(affine.train(), torch.rand(2, *SHAPE))


@pytest.mark.parametrize("function", ["deepfool", "fgsm", "saliency"])
def test_inference_mode_is_refused(affine, function):
    with torch.inference_mode(), pytest.raises(ValueError, match=r"call this under torch\.no_grad"):
        FUNCTIONS[function](affine, torch.rand(2, *SHAPE))


@pytest.mark.parametrize("options", [{}, {"refine": 3}, {"refine": 3, "bounds": (0, 1)}])
def test_autocast_changes_nothing(affine, options):
    images, basis = torch.rand(6, *SHAPE), torch.from_numpy(random_basis(D, 9, seed=0)).float()
    expected = deepfool(affine, images, basis=basis, **options)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = deepfool(affine, images, basis=basis, **options)
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(found.perturbations, expected.perturbations)


@pytest.mark.parametrize(
    ("target", "sources", "message"),
    [
        (0, torch.zeros(2, dtype=torch.long), "target=0: a class other than those of the sources"),
        (-1, torch.zeros(2, dtype=torch.long), "target=-1"),
        (1, torch.zeros(1, dtype=torch.long), r"sources of shape \(1,\)"),
    ],
)
@pytest.mark.parametrize("kind", [partial(DifferenceHessian, step=0.1), ExactHessian])
def test_what_are_no_boundary_points_is_refused(affine, kind, target, sources, message):
    with pytest.raises(ValueError, match=message):
        kind(affine, torch.rand(2, *SHAPE), target, sources)
    with pytest.raises(ValueError, match="at least one image is needed"):
        kind(affine, torch.rand(0, *SHAPE), 1, sources[:0])
