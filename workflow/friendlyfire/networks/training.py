"""Training by stochastic gradient descent: seeded, deterministic on the CPU, and resumable after any epoch."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from friendlyfire.networks.network import classes_of, predict
from friendlyfire.records.errors import NetworkError
from friendlyfire.records.intervals import wilson_interval
from friendlyfire.records.seeds import derive_seed


@dataclass
class Epoch:
    """One row of the learning curve."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float  #: of the images as they are trained on: augmented, attacked
    test_accuracy: float
    robust_accuracy: float | None = None  #: of the first test images, under attack; None if that is not measured


def learning_rate_at(progress: float, peak: float, warmup: float = 0.2) -> float:
    """Return the learning rate at ``progress`` in [0, 1]: a linear rise to ``peak``, then a cosine decay.

    Source: the one-cycle policy, L. N. Smith, N. Topin, "Super-convergence", arXiv:1708.07120 (2017).
    """
    if progress < warmup:
        return peak * progress / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def augment(images: Tensor, flip: bool, crop_padding: int, generator: torch.Generator) -> Tensor:
    """Mirror each image with probability one half if ``flip``, and shift it by up to ``crop_padding`` pixels.

    Args:
        images: (n, channels, height, width).
        flip: whether to mirror left and right.
        crop_padding: pixels of reflected border from which a crop of the original size is taken; 0 for none.
        generator: random generator on the CPU.
    """
    n, _, height, width = images.shape
    if flip:
        mirrored = torch.rand(n, generator=generator) < 0.5
        images = torch.where(mirrored[:, None, None, None].to(images.device), images.flip(3), images)
    if crop_padding:
        top, left = torch.randint(2 * crop_padding + 1, (2, n), generator=generator).to(images.device)
        rows = top[:, None] + torch.arange(height, device=images.device)
        columns = left[:, None] + torch.arange(width, device=images.device)
        padded = pad(images, [crop_padding] * 4, mode="reflect")
        sample = torch.arange(n, device=images.device)[:, None, None]
        images = padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return images


def plain_loss(network: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the logits of images and their mean cross-entropy; nothing is drawn."""
    logits = network(images)
    return logits, cross_entropy(logits.float(), labels)


def train(
    network: nn.Module,
    train_split: tuple[Tensor, Tensor],
    test_split: tuple[Tensor, Tensor],
    settings: Mapping[str, Any],
    seed: int,
    state: Mapping[str, Tensor] | None = None,
    done: int = 0,
    objective: Callable[..., tuple[Tensor, Tensor]] = plain_loss,
) -> Iterator[tuple[Epoch, dict[str, Tensor]]]:
    """Train ``network`` in place by stochastic gradient descent with Nesterov momentum.

    Each epoch has its own seed, derived from (seed, epoch), so a resumed run gives the same network as an
    uninterrupted one.

    Args:
        network: images in [0, 1] to logits; already on its device.
        train_split: images (n, channels, height, width), uint8 or float32 in [0, 1], and labels (n,), on one device.
        test_split: likewise; only evaluated.
        settings: section ``networks``: epochs, batch_size, learning_rate, momentum, weight_decay, flip, crop_padding,
            mixed_precision.
        seed: seed of this training.
        state: network and momentum as last yielded, to resume from.
        done: number of epochs behind ``state``.
        objective: network, images, labels and a random generator to logits and loss, see :mod:`.robust`. Any but the
            plain one is computed in float32: attacks and penalties need precise gradients.

    Yields:
        After each epoch, its row of the learning curve and the state to resume from.

    Raises:
        NetworkError: the loss is not finite.
    """
    images, labels = train_split
    device, n, batch_size, epochs = images.device, len(images), settings["batch_size"], settings["epochs"]
    parameters = dict(network.named_parameters())
    optimiser = torch.optim.SGD(
        parameters.values(), lr=0.0, momentum=settings["momentum"], weight_decay=settings["weight_decay"], nesterov=True
    )
    if state is not None:
        network.load_state_dict(
            {name.removeprefix("network."): v for name, v in state.items() if name.startswith("network.")}
        )
        for name, parameter in parameters.items():
            if f"momentum.{name}" in state:
                optimiser.state[parameter]["momentum_buffer"] = state[f"momentum.{name}"].to(device).clone()
    network.eval()
    steps = math.ceil(n / batch_size)
    mixed = objective is plain_loss and in_bfloat16(settings["mixed_precision"], device)

    for epoch in range(done, epochs):
        torch.manual_seed(derive_seed(seed, "epoch", epoch))
        generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
        order = torch.randperm(n, generator=generator).to(device)
        draws = torch.Generator().manual_seed(derive_seed(seed, "loss", epoch))
        # Summed on the device: reading a number in every step would wait for the device.
        losses = torch.zeros((), dtype=torch.float64, device=device)
        hits = torch.zeros((), dtype=torch.long, device=device)
        network.train()
        for step, batch in enumerate(order.split(batch_size)):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate_at(
                    (epoch * steps + step + 0.5) / (epochs * steps), settings["learning_rate"]
                )
            pixels = augment(in_pixels(images[batch]), settings["flip"], settings["crop_padding"], generator)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
                logits, loss = objective(
                    network, pixels.contiguous(memory_format=torch.channels_last), labels[batch], draws
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            losses += loss.detach().double() * len(batch)
            hits += (logits.detach().argmax(1) == labels[batch]).sum()
        network.eval()
        loss_sum, correct = float(losses), int(hits)
        if not math.isfinite(loss_sum):
            raise NetworkError(
                f"training diverged in epoch {epoch + 1}: the loss is {loss_sum}; "
                f"lower networks.learning_rate (now {settings['learning_rate']})"
            )
        row = Epoch(
            epoch + 1,
            group["lr"],
            loss_sum / n,
            correct / n,
            count_correct(network, *test_split) / len(test_split[0]),
        )
        yield (
            row,
            {
                **{f"network.{name}": value.detach().clone() for name, value in network.state_dict().items()},
                # A frozen or unused parameter has no gradient and so no momentum.
                **{
                    f"momentum.{name}": optimiser.state[p]["momentum_buffer"].clone()
                    for name, p in parameters.items()
                    if p in optimiser.state
                },
            },
        )


def in_bfloat16(mixed_precision: bool | str, device: torch.device) -> bool:
    """Whether the plain loss is computed in bfloat16, see ``networks.mixed_precision``."""
    if device.type != "cuda":
        return mixed_precision == "always"
    # GPUs before the Ampere generation emulate bfloat16, slowly.
    return bool(mixed_precision) and torch.cuda.is_bf16_supported(including_emulation=False)


def in_pixels(images: Tensor) -> Tensor:
    """Return images as pixels in [0, 1]; those of floating point are."""
    return images if images.is_floating_point() else images.float() / 255


def count_correct(network: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 64) -> int:
    """Count the uint8 ``images`` (n, channels, height, width) that are classified as their label."""
    return sum(
        int((classes_of(predict(network, batch.float() / 255)) == truth).sum())
        for batch, truth in zip(images.split(batch_size), labels.split(batch_size), strict=True)
    )


def learning_curve(
    curve: Sequence[Epoch], experiment: str, train_images: int, test_images: int, robust_images: int = 0
) -> pd.DataFrame:
    """Return the learning curve as a table, with 95 % intervals of the accuracies on test images.

    Args:
        curve: the epochs.
        experiment: name of the experiment.
        train_images: number of training images.
        test_images: number of test images.
        robust_images: number of attacked test images; 0 if the accuracy under attack was not measured.
    """
    table = pd.DataFrame([{"experiment": experiment, **asdict(epoch)} for epoch in curve])
    if not robust_images:
        table = table.drop(columns="robust_accuracy")
    for split, images in {"test": test_images, **({"robust": robust_images} if robust_images else {})}.items():
        bounds = [wilson_interval(round(accuracy * images), images) for accuracy in table[f"{split}_accuracy"]]
        table[f"{split}_ci_low"], table[f"{split}_ci_high"] = zip(*bounds, strict=True)
    counts = {"train_images": train_images, "test_images": test_images}
    return table.assign(**counts, **({"robust_images": robust_images} if robust_images else {}))
