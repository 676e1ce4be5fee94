"""Resampling is the identity at full size, linear, differentiable, and lossless for smooth images."""

import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.statuses import Status
from friendlyfire.networks.resampled import Resampled, resample, resampled


def test_full_size_is_the_identity():
    images = torch.rand(2, 3, 24, 24)
    assert torch.equal(resample(images, 24), images)


@pytest.mark.parametrize("side", [5, 12, 20])
def test_it_is_linear(side):
    a, b = torch.rand(2, 2, 3, 24, 24, dtype=torch.float64)
    torch.testing.assert_close(resample(2 * a - 3 * b, side), 2 * resample(a, side) - 3 * resample(b, side))


def test_it_keeps_what_is_smooth_and_loses_what_is_not():
    grid = torch.linspace(0, 1, 32)
    smooth = (grid[:, None] + grid)[None, None]
    rough = (torch.arange(32)[:, None] + torch.arange(32)).remainder(2)[None, None] - 0.5
    assert (resample(smooth, 12) - smooth).norm() < 0.05 * smooth.norm()
    assert resample(rough, 12).norm() < 0.1 * rough.norm()


def test_a_resampled_network_sees_the_mean_image_whole_and_passes_gradients(trained, digits):
    mean = digits["train"][0].float().mean(0) / 255
    images = (digits["test"][0][:5].float() / 255).requires_grad_(True)
    full, low = (Resampled(trained(), mean, side) for side in (8, 3))
    torch.testing.assert_close(full(images), trained()(images))
    torch.testing.assert_close(low(mean[None]), trained()(mean[None]))
    (gradient,) = torch.autograd.grad(low(images).sum(), images)
    assert gradient.abs().sum() > 0


def test_perturbations_are_resampled_as_their_images_are():
    images, r = torch.rand(2, 70, 3, 16, 16)
    torch.testing.assert_close(resample(images + r, 9) - resample(images, 9), resampled(r, 9))


def test_sampling_down_to_more_is_refused():
    with pytest.raises(ValueError, match=r"images of \(24, 24\) pixels cannot be sampled down to 25"):
        resample(torch.rand(1, 3, 24, 24), 25)


def test_fooling_is_a_fraction_of_all_images_whatever_became_of_their_attacks():
    from friendlyfire.measures.resampling import reached

    torch.manual_seed(0)
    images = torch.rand(6, 1, 8, 8)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval().requires_grad_(False)
    unit = Resampled(network, torch.zeros(1, 8, 8), 8).eval()
    clean = network(images).argmax(1)
    attack = deepfool(network, images)
    assert attack.converged.all()
    # One attack did not converge and one is not finite: both count as images, but have no norm.
    attack.statuses[0], attack.statuses[1] = Status.NOT_CONVERGED, Status.NON_FINITE
    attack.perturbations[0], attack.perturbations[1] = 0, torch.nan
    row = reached(unit, images, attack, clean)
    assert (row["images"], row["perturbations"]) == (6, 4)
    assert row["fooling"] == row["success"] == pytest.approx(4 / 6)
    assert row["norm"] == pytest.approx(255 * attack.overshot[2:].flatten(1).norm(dim=1).mean().item())
