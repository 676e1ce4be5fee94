"""Frequencies of images, attacks and errors, against waves whose frequency is known."""

import numpy as np
import pytest
import scipy.fft
import torch
from torch import nn

from friendlyfire.datasets.frequencies import contrast, flip_matrix, flipped, flipped_bytes
from friendlyfire.measures.energies import radial_energies
from friendlyfire.measures.heatmap import misclassified, wave, waves

RNG = np.random.default_rng(0)
AXES = (-2, -1)


@pytest.mark.parametrize("shape", [(8, 8), (7, 12)])
def test_a_flip_mirrors_the_cosine_coefficients_and_is_its_own_inverse(shape):
    images = RNG.standard_normal((5, 3, *shape))
    coefficients = scipy.fft.dctn(images, norm="ortho", axes=AXES)
    np.testing.assert_allclose(scipy.fft.dctn(flipped(images), norm="ortho", axes=AXES), coefficients[..., ::-1, ::-1])
    np.testing.assert_allclose(flipped(flipped(images)), images)
    np.testing.assert_allclose(np.linalg.norm(flipped(images)), np.linalg.norm(images))


@pytest.mark.parametrize("side", [4, 8, 28])
def test_flipped_bytes_are_never_clipped_and_lose_the_rounding_only(side):
    worst = np.sign(flip_matrix(side)[np.abs(flip_matrix(side)).sum(1).argmax()])
    extreme = np.where(np.outer(worst, worst) > 0, 255, 0).astype(np.uint8)
    images = np.concatenate([RNG.integers(0, 256, (20, side, side), np.uint8), [extreme, 255 - extreme]])
    found = flipped_bytes(images)
    assert found.dtype == np.uint8
    assert (found.min(), found.max()) == (0, 255)  # of the extremes: with more contrast they would be clipped
    factor = contrast(side, side)
    exact = 0.5 + factor * flipped(images / 255 - 0.5)
    np.testing.assert_allclose(found / 255, exact, atol=0.5001 / 255)
    back = 0.5 + flipped((found / 255 - 0.5) / factor)
    rounding = 1 / 255 / 12**0.5 / factor  # root mean square of a uniform error, in pixels of the images
    assert np.sqrt(np.square(back - images / 255).mean()) < 1.1 * rounding


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 9)])
def test_energies_sum_to_the_squared_norm(shape):
    images = RNG.standard_normal((6, *shape))
    energies, _ = radial_energies(images)
    np.testing.assert_allclose(energies.sum(1), 1, rtol=1e-12)
    # Parts of different radius are perpendicular, and a channel adds its own energy.
    norms = np.square(images).sum((1, 2, 3))
    coefficients = np.fft.fft2(images, norm="ortho")
    np.testing.assert_allclose(np.square(np.abs(coefficients)).sum((1, 2, 3)), norms)
    np.testing.assert_allclose(energies[:, 0] * norms, np.square(np.abs(coefficients[..., 0, 0])).sum(1))


@pytest.mark.parametrize(("u", "v"), [(0, 0), (0, 3), (2, 2), (-4, 1), (-4, -4)])
def test_a_wave_has_its_energy_at_its_radius(u, v):
    energies, half = radial_energies(wave(u, v, 8, 8).numpy()[None, None])
    np.testing.assert_allclose(energies[0, round(np.hypot(u, v))], 1)
    np.testing.assert_allclose(half, np.hypot(u, v))


def test_half_of_the_power_is_at_the_radius_that_completes_it():
    low, high = wave(0, 1, 8, 8), wave(3, 0, 8, 8)
    found = [radial_energies((a * low + b * high).numpy()[None, None])[1][0] for a, b in ((2, 1), (1, 2))]
    np.testing.assert_allclose(found, [1, 3])


def test_an_image_of_zeros_has_no_frequency():
    with pytest.raises(ValueError, match="1 of 2 images are zero and have no frequency"):
        radial_energies(np.stack([np.ones((1, 4, 4)), np.zeros((1, 4, 4))]))


@pytest.mark.parametrize(("height", "width"), [(6, 6), (5, 8), (7, 7)])
def test_waves_are_all_the_real_ones_each_once(height, width):
    found = waves(height, width, 99)
    signs = {tuple(sorted([(u % height, v % width), (-u % height, -v % width)])) for u, v in found}
    fixed = (1 + (height % 2 == 0)) * (1 + (width % 2 == 0))
    assert len(signs) == len(found) == (height * width + fixed) // 2
    for u, v in found:
        spectrum = np.abs(np.fft.fft2(wave(u, v, height, width).numpy(), norm="ortho")) > 1e-9
        assert set(zip(*map(np.ndarray.tolist, np.nonzero(spectrum)), strict=True)) == {
            (u % height, v % width),
            (-u % height, -v % width),
        }
    assert max(max(abs(u), abs(v)) for u, v in waves(height, width, 2)) == 2


def test_a_network_errs_at_the_one_frequency_that_it_reads():
    height = width = 8
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval().requires_grad_(False)
    read = wave(2, 1, height, width).float().reshape(-1)
    network[1].weight.copy_(torch.stack([read, -read]))
    network[1].bias.copy_(torch.tensor([0.1, 0.0]))
    images, labels = torch.full((400, 1, height, width), 0.5), torch.zeros(400, dtype=torch.long)
    frequencies = [None, *waves(height, width, 99)]
    errors = [w.mean() for w in misclassified(network, images, labels, frequencies, 0.1, np.random.default_rng(0))]
    for frequency, error in zip(frequencies, errors, strict=True):
        if frequency in ((2, 1), (-2, -1)):
            assert 0.4 < error < 0.6  # the sign of the wave is drawn
        else:
            assert error == 0
