"""DeepFool called by the helpers of other libraries."""

import copy
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from friendlyfire.attacks.adapters import deepfool_images, foolbox_deepfool
from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.random import random_basis
from programs import library


@pytest.fixture
def clean(trained, digits):
    """A network, images, their labels, and other classes as targets."""
    images, labels = digits["test"][0][:40].float() / 255, digits["test"][1][:40]
    network = trained()
    return network, images, labels, (network(images).argmax(1) + 1) % 10


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("options", [{}, {"refine": 5, "overshoot": 1e-3}])
def test_foolbox_runs_the_attack(clean, targeted, options):
    import foolbox

    network, images, labels, targets = clean
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    criterion = foolbox.criteria.TargetedMisclassification(targets) if targeted else labels
    attack = foolbox_deepfool(**options)
    epsilons = [0.3, None]
    raw, clipped, success = attack(model, images, criterion, epsilons=epsilons)
    assert success[1].float().mean() > 0.9
    assert success[0].sum() < success[1].sum()
    assert raw[0].min() >= 0
    assert raw[0].max() <= 1
    assert ((clipped[0] - images).flatten(1).norm(dim=1) < 0.3001).all()
    reached = network(clipped[1]).argmax(1)
    assert torch.equal(reached == targets if targeted else reached != labels, success[1])
    repeated = attack.repeat(2)(model, images, criterion, epsilons=None)
    assert torch.equal(repeated[0], raw[1])


def test_foolbox_refuses_another_criterion(clean):
    import foolbox

    network, images, labels, _ = clean
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    other = foolbox.criteria.Misclassification(labels) & foolbox.criteria.Misclassification(labels)
    with pytest.raises(ValueError, match="choose Misclassification or TargetedMisclassification"):
        foolbox_deepfool()(model, images, other, epsilons=None)


@pytest.mark.parametrize("targeted", [False, True])
def test_adv_lib_measures_the_attack(clean, targeted):
    library("adv_lib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of adv-lib, when it is imported
        from adv_lib.utils import attack_utils as helpers
    network, images, labels, targets = clean
    attacked = deepfool_images(network, images, targets if targeted else labels, targeted=targeted)
    data = {"inputs": images, "labels": labels, "targets": targets if targeted else None, "adv_inputs": attacked}
    metrics = helpers.compute_attack_metrics(network, {**data, "time": 0, "num_forwards": 0, "num_backwards": 0})
    assert metrics["success"].float().mean() > 0.9
    norms = (attacked - images).flatten(1).norm(dim=1)
    torch.testing.assert_close(metrics["distances"]["l2"], norms)


@pytest.mark.parametrize("options", [{}, {"refine": 8, "overshoot": 1e-3}])
def test_attackbench_runs_the_attack_within_its_budget(clean, options):
    library("attackbench")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of AttackBench, when it is imported
        import attackbench
        from attackbench.attacks import deepfool as theirs
    network, images, labels, _ = clean
    loader = DataLoader(TensorDataset(images[:20], labels[:20]), batch_size=10)
    ours = partial(deepfool_images, **options)
    mine, other = (
        attackbench.run_attack(copy.deepcopy(network), loader, attack, "l2", device=torch.device("cpu"), debug=True)
        for attack in (ours, theirs)
    )
    assert np.mean(mine["adv_success"]) >= np.mean(other["adv_success"]) > 0.9
    assert np.median(mine["final_distances"]["l2"]) <= 1.001 * np.median(other["final_distances"]["l2"])
    assert not any(mine["box_failures"])
    assert 0 < np.add(mine["num_forwards"], mine["num_backwards"]).max() < mine["query_budget"]


def test_both_forms_of_targets_are_one(clean):
    network, images, labels, targets = clean
    as_labels = deepfool_images(network, images, targets, targeted=True)
    apart = deepfool_images(network, images, labels, targets, True, threat_model="l2")
    assert torch.equal(as_labels, apart)
    assert torch.equal(deepfool_images(network, images, labels, targets), deepfool_images(network, images, labels))


def test_images_that_need_no_attack_are_returned(clean):
    network, images, _, targets = clean
    assert torch.equal(deepfool_images(network, images, targets), images)
    predicted = network(images).argmax(1)
    assert torch.equal(deepfool_images(network, images, predicted, targeted=True), images)


def test_without_bounds_it_is_deepfool(clean):
    network, images, _, _ = clean
    attack = deepfool(network, images)
    assert torch.equal(deepfool_images(network, images, attack.sources, bounds=None), images + attack.overshot)


@pytest.mark.parametrize("bounds", [None, (0, 1)])
def test_confinement_is_to_the_basis_or_to_the_bounds(clean, bounds):
    network, images, labels, _ = clean
    basis = torch.from_numpy(random_basis(64, 20, seed=0)).float()
    attacked = deepfool_images(network, images, labels, basis=basis, bounds=bounds)
    moved = (attacked - images).flatten(1)
    outside = (moved - moved @ basis @ basis.T).norm() / moved.norm()
    assert outside < 1e-5 if bounds is None else attacked.min() >= 0 and attacked.max() <= 1 and outside > 0.1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"basis": torch.eye(64)}, ValueError, "a basis needs bounds too, since clipped images leave its span"),
        ({"basis": torch.eye(64), "bounds": None, "blocks": [(0, 9)]}, ValueError, "blocks give several attacked"),
        ({"refin": 3}, TypeError, "unexpected keyword argument 'refin'"),
    ],
)
def test_other_options_are_refused_at_once(clean, options, error, message):
    network, images, labels, _ = clean
    with pytest.raises(error, match=message):
        deepfool_images(network, images, labels, **options)
    with pytest.raises(error, match=message):
        foolbox_deepfool(**options)


def test_foolbox_stays_in_the_span_if_it_is_told_so(clean):
    import foolbox

    network, images, labels, _ = clean
    basis = torch.from_numpy(random_basis(64, 20, seed=0)).float()
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    raw, _, success = foolbox_deepfool(basis=basis, bounds=None)(model, images, labels, epsilons=None)
    moved = (raw - images).flatten(1)
    assert (moved - moved @ basis @ basis.T).norm() < 1e-5 * moved.norm()
    assert success.float().mean() > 0.9


def test_another_norm_is_refused(clean):
    network, images, labels, _ = clean
    with pytest.raises(ValueError, match="threat_model='linf': DeepFool minimises l2 only"):
        deepfool_images(network, images, labels, threat_model="linf")
