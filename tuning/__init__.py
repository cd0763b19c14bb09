"""Hyperparameter searches, run from a checkout; the wheel does not hold them."""
