import math

import keras
import numpy as np
import pytest

from atlas_keras.training.finder import suggest
from atlas_keras.training.one_cycle import OneCycle, one_cycle_adamw
from atlas_keras.training.optimizer import ScheduledAdamW


def test_update_is_the_formula():
    """Ten steps against a plain float64 loop of the docstring's formula, momentum and rate changing."""
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=5), rng.normal(size=(10, 5))
    optimizer = one_cycle_adamw(1e-2, 10, weight_decay=0.1)
    variable = keras.Variable(start, dtype="float32")
    w, m, v = start.copy(), np.zeros(5), np.zeros(5)
    for t, g in enumerate(gradients, start=1):
        lr, b1, b2 = float(optimizer.learning_rate), float(optimizer.beta_1(t - 1)), 0.99
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32")], [variable])
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        w = w * (1 - lr * 0.1) - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), w, rtol=1e-5)


def test_update_equals_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=7), rng.normal(size=(20, 7)) * 1e-4
    ours, theirs = keras.Variable(start, dtype="float32"), torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
    optimizer = ScheduledAdamW(3e-3, beta_1=0.9, weight_decay=1e-2)
    peer = torch.optim.AdamW([theirs], lr=3e-3, betas=(0.9, 0.99), eps=1e-5, weight_decay=1e-2)
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32")], [ours])
        theirs.grad = torch.tensor(g, dtype=torch.float32)
        peer.step()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), theirs.detach().numpy(), rtol=1e-5)


def test_one_cycle_starts_turns_and_ends_where_it_should():
    schedule = OneCycle(0.1, 1.0, 0.001, total_steps=101)
    values = [float(schedule(step)) for step in range(120)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == values[25] == pytest.approx(1.0)
    assert values[100] == values[119] == pytest.approx(0.001, rel=1e-3)
    assert values[12] == pytest.approx(0.1 + 0.9 * (1 - math.cos(math.pi * 12 / 25)) / 2, rel=1e-4)


def test_optimizer_and_schedule_round_trip():
    optimizer = one_cycle_adamw(1e-3, 50, weight_decay=1e-6)
    twin = ScheduledAdamW.from_config(optimizer.get_config())
    assert twin.get_config() == optimizer.get_config()
    assert float(twin.beta_1(20)) == float(optimizer.beta_1(20))


def test_suggestions_of_a_known_curve():
    rates = np.geomspace(1e-6, 1, 61)
    losses = 1 - 0.9 / (1 + np.exp(-4 * (np.log10(rates) + 3))) + np.where(rates > 0.05, (rates / 0.05) ** 2 - 1, 0)
    rates_found = suggest(rates, losses)
    lowest = rates[np.argmin(rates_found.curve["smoothed"])]
    assert rates_found.minimum == pytest.approx(lowest / 10)
    assert 1e-4 < rates_found.steepest < lowest
