"""Generative Adversarial Simulator: distilling a teacher without its data."""
