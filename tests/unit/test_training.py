"""Training is deterministic, resumes where it was killed, and reports divergence."""

import numpy as np
import pytest
import torch
from torch import nn

from conftest import TRAINING
from friendlyfire.networks.network import build_network
from friendlyfire.networks.training import augment, count_correct, learning_rate_at, train
from friendlyfire.records.errors import NetworkError

SETTINGS = {**TRAINING, "epochs": 3, "flip": True, "crop_padding": 1}


def fresh(settings=SETTINGS):
    torch.manual_seed(1)
    return build_network(settings, np.zeros((1, 8, 8)), 0.3, 10)


def run(digits, network, settings=SETTINGS, **options):
    return list(train(network, digits["train"], digits["test"], settings, seed=4, **options))


def test_the_same_seed_gives_the_same_network(digits):
    first, second = (run(digits, fresh())[-1] for _ in range(2))
    assert first[0] == second[0]
    assert all(torch.equal(value, second[1][name]) for name, value in first[1].items())


@pytest.mark.parametrize("mixed", [False, True, "always"])
def test_the_precision_on_a_cpu_changes_only_if_it_is_asked_for(digits, mixed):
    settings = {**SETTINGS, "mixed_precision": mixed}
    row, state = run(digits, fresh(settings), settings)[-1]
    usual = run(digits, fresh())[-1][0]
    assert (row == usual) == (mixed != "always")
    assert row.train_loss == pytest.approx(usual.train_loss, rel=0.1)
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize("killed_after", [1, 2])
@pytest.mark.parametrize("architecture", ["lenet", "alexnet"])  # the second with dropout and batch normalisation
def test_a_resumed_training_ends_where_the_undisturbed_one_ends(digits, killed_after, architecture):
    settings = {**SETTINGS, "architecture": architecture, "width": 0.2}
    whole = run(digits, fresh(settings), settings)
    kept = whole[killed_after - 1][1]
    torch.manual_seed(99)
    rest = run(digits, fresh(settings), settings, state=kept, done=killed_after)
    assert [row for row, _ in rest] == [row for row, _ in whole[killed_after:]]
    assert all(torch.equal(value, rest[-1][1][name]) for name, value in whole[-1][1].items())


class Partly(nn.Module):
    """A network with a frozen layer and an unused layer."""

    def __init__(self, body):
        super().__init__()
        self.body, self.unused = body, nn.Linear(3, 3)
        self.body[0].requires_grad_(False)

    def forward(self, images):
        return self.body(images)


def test_parameters_without_a_gradient_stay_as_they_are_and_a_training_resumes(digits):
    whole = run(digits, Partly(fresh().body))
    rest = run(digits, Partly(fresh().body), state=whole[1][1], done=2)
    assert rest[-1][0] == whole[-1][0]
    assert all(torch.equal(value, rest[-1][1][name]) for name, value in whole[-1][1].items())
    before = fresh().body.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, whole[-1][1][f"network.body.{name}"])}
    assert changed == set(before) - {"0.weight", "0.bias"}


def test_it_learns_and_ends_in_evaluation_mode(digits):
    network = fresh()
    rows = [row for row, _ in run(digits, network)]
    assert [row.epoch for row in rows] == [1, 2, 3]
    assert rows[-1].train_loss < rows[0].train_loss
    assert not network.training
    assert rows[-1].test_accuracy == count_correct(network, *digits["test"]) / len(digits["test"][0])


def test_divergence_is_told(digits):
    settings = {**SETTINGS, "learning_rate": 1e6}
    with pytest.raises(
        NetworkError, match=r"training diverged in epoch \d: .*lower networks\.learning_rate \(now 1000000\.0\)"
    ):
        run(digits, fresh(), settings)


def test_learning_rate_goes_up_and_down():
    rates = [learning_rate_at(progress, 0.1) for progress in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(0.1)
    assert np.argmax(rates) == 20
    assert rates[0] == pytest.approx(0)
    assert rates[-1] == pytest.approx(0)


def test_augmentation_is_off_unless_asked_for():
    images = torch.rand(3, 1, 6, 6)
    assert augment(images, False, 0, torch.Generator()) is images


def test_flips_mirror_about_half_of_the_images():
    images = torch.rand(400, 1, 4, 4)
    flipped = augment(images, True, 0, torch.Generator().manual_seed(0))
    mirrored = (flipped == images.flip(3)).flatten(1).all(1)
    same = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 160 < mirrored.sum() < 240


def test_crops_move_images_by_at_most_the_padding():
    images = torch.zeros(200, 1, 9, 9)
    images[:, :, 4, 4] = 1
    moved = augment(images, False, 2, torch.Generator().manual_seed(0))
    places = {(int(r), int(c)) for r, c in (moved[:, 0] == 1).nonzero()[:, 1:]}
    assert places == {(r, c) for r in range(2, 7) for c in range(2, 7)}
