"""Tolerances that follow from the rounding of float32, so that a test passes on every processor or on none."""

import numpy as np

from atlas_keras.serving.parity import SPREADS
from atlas_keras.serving.rounding import DRAWS, HALF_ULP, DoubleModel


def exact_and_spread(model, rows):
    """Compute the outputs of a model in float64, and how far sound float32 arithmetic spreads around them."""
    double = DoubleModel(model)
    exact = double.exact(rows)
    squares = np.mean([(double.rounded(rows, seed) - exact) ** 2 for seed in range(DRAWS)], axis=0)
    return exact, np.sqrt(squares + (HALF_ULP * exact) ** 2)


def check_outputs(outputs, model, rows):
    """The outputs are what a model computes for the rows, but for rounding; give those of float64."""
    exact, spread = exact_and_spread(model, rows)
    far = np.abs(np.asarray(outputs, np.float64) - exact) > SPREADS * spread
    assert not far.any(), (far.sum(axis=0), np.asarray(rows)[far.any(axis=1)][:3])
    return exact


def check_jets(jets, reference, signature="reconstruct"):
    """The jets are what an autoencoder gives for a `Reference`, but for rounding; phi wraps."""
    far = ~(reference.deviations(jets, reference.exact[signature]) <= SPREADS * reference.spread[signature])
    assert not far.any(), (far.sum(axis=0), reference.jets[far.any(axis=1)][:3])
