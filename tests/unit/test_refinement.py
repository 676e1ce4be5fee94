"""Refined and bounded DeepFool: nearest points in closed form, and never longer than DeepFool's."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.statuses import Status

SHAPE, D = (3, 4, 4), 48


def affine(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(D, classes)).double().eval().requires_grad_(False)


def orthonormal(d, k, dtype=torch.float64):
    return torch.linalg.qr(torch.randn(d, k, dtype=dtype))[0]


def lengths(perturbations):
    return perturbations.flatten(1).norm(dim=1)


@pytest.mark.parametrize("directions", [None, 7])
@pytest.mark.parametrize("targeted", [False, True])
def test_on_an_affine_classifier_there_is_nothing_to_refine(directions, targeted):
    network, images = affine(2), torch.rand(20, *SHAPE, dtype=torch.float64)
    basis = None if directions is None else orthonormal(D, directions)
    targets = 1 - network(images).argmax(1) if targeted else None
    plain, refined = (deepfool(network, images, targets, basis=basis, refine=k) for k in (0, 5))
    torch.testing.assert_close(refined.perturbations, plain.perturbations)
    assert refined.converged.all()


class Parabola(nn.Module):
    """The boundary of two classes is the parabola y = height - bend / 2 * z^2 of the first two pixels."""

    height, bend = 1.0, 0.8

    def forward(self, images):
        z, y = images.flatten(1)[:, :2].unbind(1)
        margin = y - self.height + self.bend / 2 * z**2
        return torch.stack([-margin, margin], 1)

    def distance(self, z, y):
        """Distance of a point to the parabola: half the derivative of its square is a cubic."""
        lift = self.height - y
        roots = np.roots([self.bend**2 / 2, 0, 1 - self.bend * lift, -z])
        real = roots[abs(roots.imag) < 1e-9].real
        return np.hypot(real - z, lift - self.bend / 2 * real**2).min()


def test_the_nearest_point_of_a_parabola_is_found():
    images = torch.zeros(6, 1, 2, 2, dtype=torch.float64)
    images[:, 0, 0, 0] = torch.linspace(0.2, 1.0, 6)
    network = Parabola().eval()
    exact = torch.tensor([network.distance(*image[0, 0].tolist()) for image in images])
    plain, refined = (deepfool(network, images, refine=k, overshoot=1e-4) for k in (0, 30))
    assert (lengths(plain.perturbations) > 1.005 * exact).sum() >= 3
    torch.testing.assert_close(lengths(refined.perturbations), exact, rtol=1e-3, atol=0)


@pytest.mark.parametrize("bounds", [None, (0, 1)])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("directions", [None, 30])
def test_refined_perturbations_fool_and_are_never_longer(trained, digits, bounds, targeted, directions):
    # In float64, because some attacks end as near to a boundary as float32's rounding.
    network, images = copy.deepcopy(trained()).double(), digits["test"][0][:60].double() / 255
    targets = (network(images).argmax(1) + 1) % 10 if targeted else None
    basis = None if directions is None else orthonormal(64, directions)
    plain, refined = (deepfool(network, images, targets, basis=basis, bounds=bounds, refine=k) for k in (0, 8))
    assert (refined.converged | ~plain.converged).all()
    both = plain.converged
    before, after = lengths(plain.perturbations)[both], lengths(refined.perturbations)[both]
    assert both.sum() >= 50
    assert (after <= before).all()
    assert after.mean() < 0.99 * before.mean()
    reached = network(images + refined.overshot).argmax(1)
    assert torch.equal(reached, refined.reached)
    assert torch.equal(reached == targets if targeted else reached != refined.sources, refined.converged)


def test_refined_confined_perturbations_stay_in_their_span(trained, digits):
    images, basis = digits["test"][0][:60].float() / 255, orthonormal(64, 20, torch.float32)
    r = deepfool(trained(), images, basis=basis, refine=5).perturbations.flatten(1)
    torch.testing.assert_close(r @ basis @ basis.T, r, atol=1e-5, rtol=1e-4)


def test_refinement_may_save_what_did_not_converge(trained, digits):
    images = digits["test"][0][:60].float() / 255
    plain, refined = (deepfool(trained(), images, max_iterations=1, refine=k) for k in (0, 5))
    assert (plain.statuses == Status.NOT_CONVERGED).any()
    assert refined.converged.sum() > plain.converged.sum()


def smallest_in_bounds(weight, rise, image):
    """The smallest r with weight . r = rise and image + r in [0, 1]: clip(scale * weight), by bisection of scale."""
    low, high = 0.0, 1e6
    for _ in range(200):
        scale = (low + high) / 2
        r = (scale * weight).clamp(-image, 1 - image)
        low, high = (scale, high) if weight @ r < rise else (low, scale)
    return r


def test_bounded_attacks_of_an_affine_classifier_are_the_smallest_in_the_bounds():
    images = torch.rand(20, *SHAPE, dtype=torch.float64).mul(1.4).sub(0.2).clamp(0, 1)
    network = affine(2)
    network[1].weight.mul_(0.3)
    attack = deepfool(network, images, bounds=(0, 1), refine=5, overshoot=1e-4)
    assert attack.converged.all()
    for image, source, r in zip(images, attack.sources, attack.perturbations, strict=True):
        weight = network[1].weight[1 - source] - network[1].weight[source]
        logits = network(image[None])[0]
        exact = smallest_in_bounds(weight, logits[source] - logits[1 - source], image.flatten())
        torch.testing.assert_close(r.flatten(), exact, atol=1e-6, rtol=1e-3)
    assert (lengths(attack.perturbations) > 1.001 * lengths(deepfool(network, images).perturbations)).any()


@pytest.mark.parametrize("refine", [0, 5])
@pytest.mark.parametrize("directions", [None, 20])
def test_bounded_images_stay_inside(trained, digits, refine, directions):
    images = digits["test"][0][:60].float() / 255
    basis = None if directions is None else orthonormal(64, directions, torch.float32)
    attack = deepfool(trained(), images, basis=basis, bounds=(0, 1), refine=refine)
    perturbed = images + attack.overshot
    assert perturbed.min() >= -1e-6
    assert perturbed.max() <= 1 + 1e-6
    assert attack.converged.float().mean() > 0.9
    if basis is not None:
        # A vector of the span agrees with the perturbation where no pixel is clipped.
        for r, points in zip(attack.overshot.flatten(1), perturbed.flatten(1), strict=True):
            inside = (points > 1e-5) & (points < 1 - 1e-5)
            fitted = basis @ torch.linalg.lstsq(basis[inside], r[inside, None]).solution
            torch.testing.assert_close(fitted[inside, 0], r[inside], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("refine", [0, 5])
def test_bounds_that_nothing_reaches_change_nothing(trained, digits, refine):
    images = digits["test"][0][:60].float() / 255
    free, wide = (deepfool(trained(), images, bounds=bounds, refine=refine) for bounds in (None, (-9, 9)))
    torch.testing.assert_close(wide.perturbations, free.perturbations, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refine": -1}, "refine=-1: a number of steps"),
        ({"bounds": (1, 0)}, r"bounds=\(1, 0\): the smallest and the largest"),
        ({"bounds": (0, 0.5)}, "are outside; clamp the images or widen the bounds"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        deepfool(affine(2), torch.rand(4, *SHAPE, dtype=torch.float64), **options)
