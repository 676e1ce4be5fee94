"""The choice of processor and batch size, and the reaction to a lack of memory."""

from engine.job import fitting_memory

import copy

import numpy as np
import pytest
import torch

from friendlyfire import devices
from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.random import random_basis
from friendlyfire.curvature.hessians import DifferenceHessian
from friendlyfire.devices import images_at_once, resolve_device
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.networks.network import predict
from friendlyfire.records.errors import ConfigError, DeviceError


@pytest.fixture
def whole_batches(monkeypatch):
    monkeypatch.setattr(devices, "_halvings", 0)


@pytest.mark.parametrize(
    ("shape", "count"), [((1, 28, 28), 64), ((3, 32, 32), 64), ((3, 224, 224), 13), ((3, 1024, 1024), 1)]
)
def test_large_images_come_in_small_batches(whole_batches, shape, count):
    assert images_at_once(torch.sum, torch.empty(2, *shape)) == count


@pytest.mark.parametrize(("channels", "count"), [(1, 64), (96, 32), (128, 32), (129, 16), (10_000, 8)])
def test_wide_layers_take_small_batches(whole_batches, channels, count):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, channels, 1), torch.nn.AvgPool2d(32)).eval()
    assert images_at_once(network, torch.empty(2, 1, 32, 32)) == count


def test_cuda_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="device: cuda, but torch finds no CUDA device here; choose device=auto"):
        resolve_device("cuda")
    assert resolve_device("auto").type == "cpu"


def test_a_job_that_runs_out_of_gpu_memory_begins_again_with_half(whole_batches, caplog):
    begun = []

    def main():
        begun.append(images_at_once(torch.sum, torch.empty(1, 1, 8, 8)))
        if begun[-1] > 16:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    fitting_memory(main)()
    assert begun == [64, 32, 16]
    assert caplog.text.count("out of GPU memory: restarting with half the batch size") == 2


def test_a_job_that_never_fits_says_so(whole_batches):
    def main():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8 GiB.\nMore of it")

    with pytest.raises(
        DeviceError, match=r"at batch size 1: OutOfMemoryError: CUDA out of memory\. Tried to allocate 8 GiB\.$"
    ):
        fitting_memory(main)()


def test_other_errors_are_not_taken_for_it(whole_batches):
    def main():
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        fitting_memory(main)()


def measured(network, images, labels, device, threads):
    """Norms of DeepFool, a mean Hessian and counts of correct classes, on one processor."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        network, images = copy.deepcopy(network).to(device), images.to(device)
        attack, sources = deepfool(network, images), predict(network, images).argmax(1)
        others = (sources != 3).nonzero().squeeze(1)[:32]
        hessian = DifferenceHessian(network, images[others], 3, sources[others], step=0.3) @ np.eye(64)
        basis = torch.from_numpy(random_basis(64, 64, 0)).to(images)
        batches = [(images, labels.to(device))]
        correct = correct_by_rank(lambda x: predict(network, x), batches, images.mean(0), basis, [0, 16, 64]).sum(1)
    finally:
        torch.set_num_threads(before)
    return attack.perturbations.flatten(1).norm(dim=1).cpu().numpy(), hessian, correct


@pytest.mark.parametrize(("device", "threads"), [("cpu", 1), ("cuda", 2)])
def test_other_processors_agree_as_far_as_float32_does(trained, digits, device, threads):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    images, labels = digits["test"][0][:200].float() / 255, digits["test"][1][:200]
    norms, hessian, correct = measured(trained(), images, labels, device, threads)
    expected = measured(trained(), images, labels, "cpu", 2)
    np.testing.assert_allclose(norms, expected[0], rtol=1e-3)
    np.testing.assert_allclose(hessian, expected[1], atol=1e-3 * np.abs(expected[1]).max())
    assert np.abs(correct - expected[2]).max() <= 2
