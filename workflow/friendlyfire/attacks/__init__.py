"""Adversarial attacks: ``attack(network, images, ...)`` -> perturbations with a status per image."""
