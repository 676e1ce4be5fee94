"""Sections 4.2 to 4.4: measures of networks, bases and perturbations, per image."""
