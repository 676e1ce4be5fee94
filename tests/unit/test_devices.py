"""Which processor computes, how many images at once, and what happens when its memory runs out."""

import pytest
import torch

from friendlyfire import devices
from friendlyfire.devices import images_at_once, resolve_device
from friendlyfire.errors import ConfigError, DeviceError
from job import fitting_memory


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
    with pytest.raises(ConfigError, match="device: cuda, but torch sees no CUDA device here; choose device=auto"):
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
    assert caplog.text.count("out of GPU memory: beginning again with half as many images at once") == 2


def test_a_job_that_never_fits_says_so(whole_batches):
    def main():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8 GiB.\nMore of it")

    with pytest.raises(DeviceError, match=r"with single images: CUDA out of memory\. Tried to allocate 8 GiB\.$"):
        fitting_memory(main)()


def test_other_errors_are_not_taken_for_it(whole_batches):
    def main():
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        fitting_memory(main)()
