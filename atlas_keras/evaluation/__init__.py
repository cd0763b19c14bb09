"""Evaluation on NumPy arrays: residuals, derived physics, baselines, plots, report."""
