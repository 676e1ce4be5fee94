"""DeepFool against an affine classifier, whose nearest boundary points have a closed form, and against Foolbox."""

import copy

import pytest
import torch
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.attacks.statuses import Status
from friendlyfire.bases.random import random_basis

CLASSES, SHAPE, D = 5, (3, 4, 4), 48


@pytest.fixture
def affine():
    """A random affine classifier in float64."""
    return nn.Sequential(nn.Flatten(), nn.Linear(D, CLASSES)).double().eval()


def images_of(label, network, n=8):
    """Images that ``network`` classifies as ``label``."""
    images = torch.rand(4000, *SHAPE, dtype=torch.float64)
    weight = network[1].weight[label].reshape(SHAPE)
    images = images + 2 * weight / weight.norm()
    return images[network(images).argmax(1) == label][:n]


def distances(network, images, basis=None):
    """Distance (n, classes) of each image to its boundary with each class, 0 / 0 = NaN for its own."""
    weights, scores = network[1].weight, network(images)
    own = scores.argmax(1)
    normals = weights[None] - weights[own][:, None]
    normals = normals if basis is None else normals @ basis
    return (scores.gather(1, own[:, None]) - scores) / normals.norm(dim=2)


@pytest.mark.parametrize("label", range(CLASSES))
@pytest.mark.parametrize("directions", [None, 7, D])
def test_untargeted_finds_the_nearest_boundary_of_an_affine_classifier(affine, label, directions):
    images = images_of(label, affine)
    assert len(images) == 8
    basis = None if directions is None else torch.linalg.qr(torch.randn(D, directions, dtype=torch.float64))[0]
    attack = deepfool(affine, images, basis=basis)
    exact = distances(affine, images, basis).nan_to_num(torch.inf)
    torch.testing.assert_close(attack.perturbations.flatten(1).norm(dim=1), exact.min(1).values)
    assert (attack.statuses == Status.CONVERGED).all()
    assert (attack.iterations == 1).all()
    assert (attack.sources == label).all()
    assert torch.equal(attack.reached, exact.argmin(1))
    assert torch.equal(affine(images + attack.overshot).argmax(1), attack.reached)


@pytest.mark.parametrize("target", range(CLASSES))
def test_targeted_reaches_its_target_or_says_that_it_is_there(affine, target):
    images = torch.rand(20, *SHAPE, dtype=torch.float64)
    attack = deepfool(affine, images, torch.full((20,), target))
    there = affine(images).argmax(1) == target
    assert torch.equal(attack.statuses == Status.ALREADY_THERE, there)
    assert (attack.perturbations[there] == 0).all()
    assert (attack.statuses[~there] == Status.CONVERGED).all()
    assert (affine(images + attack.overshot).argmax(1)[~there] == target).all()
    one_step = ~there & (attack.iterations == 1)
    exact = distances(affine, images)[:, target]
    torch.testing.assert_close(attack.perturbations.flatten(1).norm(dim=1)[one_step], exact[one_step])


def test_targeted_of_two_classes_is_exact():
    network = nn.Sequential(nn.Flatten(), nn.Linear(D, 2)).double().eval()
    images = torch.rand(10, *SHAPE, dtype=torch.float64)
    targets = 1 - network(images).argmax(1)
    attack = deepfool(network, images, targets)
    exact = distances(network, images).gather(1, targets[:, None]).squeeze(1)
    torch.testing.assert_close(attack.perturbations.flatten(1).norm(dim=1), exact)
    assert attack.converged.all()


def test_a_confined_attack_stays_in_its_span(trained, digits):
    images = digits["test"][0][:64].float() / 255
    basis = torch.linalg.qr(torch.randn(64, 20))[0]
    r = deepfool(trained(), images, basis=basis).perturbations.flatten(1)
    torch.testing.assert_close(r @ basis @ basis.T, r, atol=1e-5, rtol=1e-4)


def test_confined_to_everything_is_free(trained, digits):
    images = digits["test"][0][:64].float() / 255
    basis = torch.linalg.qr(torch.randn(64, 64, dtype=torch.float64))[0]
    free, confined = deepfool(trained(), images), deepfool(trained(), images, basis=basis)
    torch.testing.assert_close(confined.perturbations, free.perturbations, atol=1e-4, rtol=1e-3)
    assert torch.equal(confined.statuses, free.statuses)


def test_answers_depend_on_neither_batch_nor_order(trained, digits):
    images = digits["test"][0][:100].float() / 255
    whole = deepfool(trained(), images, batch_size=100)
    order = torch.randperm(100)
    for other in (
        deepfool(trained(), images[order], batch_size=7),
        deepfool(trained(), images[order].contiguous(memory_format=torch.channels_last), batch_size=33),
    ):
        torch.testing.assert_close(other.perturbations, whole.perturbations[order], atol=1e-4, rtol=1e-3)
        assert torch.equal(other.reached, whole.reached[order])
        assert torch.equal(other.statuses, whole.statuses[order])


def test_an_image_alone_is_attacked_as_in_a_crowd(trained, digits):
    images = digits["test"][0][:5].float() / 255
    crowd = deepfool(trained(), images)
    for i in range(5):
        alone = deepfool(trained(), images[i : i + 1])
        torch.testing.assert_close(alone.perturbations[0], crowd.perturbations[i], atol=1e-4, rtol=1e-3)


class Fixed(nn.Module):
    """Logits that do not depend on the image, or are not finite."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, images):
        rest = torch.stack([self.value + 0 * images.sum((1, 2, 3)), 0 * images.sum((1, 2, 3))], 1)
        return rest


@pytest.mark.parametrize(
    ("value", "status"),
    [(2.0, Status.ZERO_GRADIENT), (float("nan"), Status.NON_FINITE), (float("inf"), Status.NON_FINITE)],
)
def test_a_network_that_cannot_be_fooled_has_a_status(value, status):
    attack = deepfool(Fixed(value).eval(), torch.rand(3, *SHAPE))
    assert (attack.statuses == status).all()
    assert not attack.converged.any()
    assert attack.perturbations.isfinite().all()


def test_a_gradient_outside_the_span_is_zero(affine):
    weights = affine[1].weight.detach()
    complement = torch.linalg.qr(weights.T, mode="complete")[0][:, CLASSES:]
    attack = deepfool(affine, torch.rand(4, *SHAPE, dtype=torch.float64), basis=complement)
    assert (attack.statuses == Status.ZERO_GRADIENT).all()
    assert (attack.perturbations == 0).all()


def test_iterations_that_run_out_are_told(trained, digits):
    images = digits["test"][0][:64].float() / 255
    few, many = (deepfool(trained(), images, max_iterations=m) for m in (1, 50))
    assert many.converged.all()
    assert (few.statuses == Status.NOT_CONVERGED).any()
    assert torch.equal(few.converged, many.iterations == 1)
    fooled = trained()(images + few.overshot).argmax(1) != few.sources
    assert torch.equal(fooled, few.converged)


def test_no_image_is_an_empty_answer(affine):
    attack = deepfool(affine, torch.empty(1, *SHAPE, dtype=torch.float64)[:0], batch_size=4)
    assert attack.perturbations.shape == (0, *SHAPE)


def test_training_mode_is_refused(affine):
    with pytest.raises(ValueError, match=r"training mode; call network\.eval"):
        deepfool(affine.train(), torch.rand(2, *SHAPE, dtype=torch.float64))


def test_the_mode_of_a_module_around_the_network_does_not_count(affine):
    images = torch.rand(2, *SHAPE, dtype=torch.float64)
    around = nn.Sequential(affine)
    assert around.training
    assert torch.equal(deepfool(around, images).perturbations, deepfool(affine, images).perturbations)


def test_one_candidate_is_refused(affine):
    with pytest.raises(ValueError, match="candidates=1: the predicted class and at least one other"):
        deepfool(affine, torch.rand(2, *SHAPE, dtype=torch.float64), candidates=1)


def test_classes_beyond_the_horizon_do_not_matter(trained, digits):
    network, images = trained(), digits["test"][0].float() / 255
    near, all_classes = deepfool(network, images), deepfool(network, images, horizon=float("inf"))
    assert torch.equal(near.converged, all_classes.converged)
    mean, expected = (attack.perturbations.flatten(1).norm(dim=1).mean() for attack in (near, all_classes))
    assert mean <= 1.001 * expected


def test_agrees_with_foolbox(trained, digits):
    import foolbox

    network, images = trained(), digits["test"][0].float() / 255
    ours = deepfool(network, images)
    # Bounds so wide that nothing is clipped, as in the paper.
    model = foolbox.PyTorchModel(network, bounds=(-10, 10), device="cpu")
    attack = foolbox.attacks.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02, loss="logits")
    _, theirs, fooled = attack(model, images, ours.sources, epsilons=None)
    norms = [p.flatten(1).norm(dim=1) for p in (ours.overshot, theirs - images)]
    assert fooled.all()
    assert ours.converged.all()
    assert abs(norms[0].mean() - norms[1].mean()) < 1e-3 * norms[1].mean()


@pytest.mark.parametrize("bounds", [None, (0, 1)])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("directions", [None, 30])
def test_no_attack_stalls_and_rounding_decides_none(trained, digits, bounds, targeted, directions):
    network, images = copy.deepcopy(trained()).double(), digits["test"][0][:60].double() / 255
    targets = (network(images).argmax(1) + 1) % 10 if targeted else None
    basis = None if directions is None else torch.from_numpy(random_basis(64, directions, seed=0))
    attack = deepfool(network, images, targets, basis=basis, bounds=bounds)
    assert attack.converged.all()
    assert attack.iterations.double().mean() < 10
    largest = network(images + attack.overshot).topk(2).values
    assert (largest[:, 0] - largest[:, 1]).min() > 1e-7


@pytest.mark.parametrize("margin", [0.0, 1e-7, 3e-6])
def test_an_image_as_near_its_boundary_as_rounding_crosses_it(margin):
    """Logits of 30 in float32 are exact to 2e-6; an attack with much smaller steps would never end."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval().requires_grad_(False)
    network[1].weight.copy_(torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]]))
    network[1].bias.fill_(30.0)
    image = torch.tensor([[margin / 2, 0.1, 0.2, 0.3]]).reshape(1, 1, 2, 2)
    attack = deepfool(network, image)
    assert attack.converged.all()
    assert attack.overshot.norm() < 1e-4
