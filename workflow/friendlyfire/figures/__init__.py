"""Figures and their captions, from tables."""
