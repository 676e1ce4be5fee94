"""Sections 4.2 to 4.4: networks, bases and perturbations -> numbers per image."""
