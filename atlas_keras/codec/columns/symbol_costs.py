"""What symbols cost that are coded one after the other, each under the counts of those before it and a prior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.compiled import call, compiled

TABLE = 64  # counts whose cost is in a table


@compiled
def nats_of(counts: Any, at: int, n_symbols: int, prior: Any, whole_prior: float, table: Any) -> float:
    """Compute the nats that counts cost, one symbol after the other."""
    total = 0
    nats = 0.0
    for s in range(n_symbols):
        n = counts[at + s]
        if n > 0:
            total += n
            if n <= TABLE:
                nats -= table[s * (TABLE + 1) + n]
            else:
                nats -= math.lgamma(prior[s] + n) - math.lgamma(prior[s])
    return nats + math.lgamma(whole_prior + total) - math.lgamma(whole_prior)


@compiled
def nats_of_leaves(counts: Any, prior: Any, whole_prior: float, table: Any) -> float:
    """Compute the nats that the counts of some leaves cost, one leaf after the other; arguments as of `nats_of`."""
    nats = 0.0
    for at in range(0, len(counts), len(prior)):
        nats += nats_of(counts, at, len(prior), prior, whole_prior, table)
    return nats


def adaptive_bits(counts: NDArray[np.int64], prior: NDArray[np.float64]) -> float:
    """Compute the bits of symbols, one after the other.

    Args:
        counts: of each leaf and symbol, shape `(n_leaves, n_symbols)`.
        prior: how many rows each symbol counts for in a new leaf, shape `(n_symbols,)`.
    """
    nats: float = call(
        nats_of_leaves, np.ascontiguousarray(counts).ravel(), prior, float(prior.sum()), cost_table(prior)
    )
    return nats / math.log(2)


def cost_table(prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the nats that up to TABLE of each symbol cost, shape `(n_symbols * (TABLE + 1),)`."""
    steps = np.log(prior[:, None] + np.arange(TABLE))
    return np.concatenate([np.zeros((len(prior), 1)), np.cumsum(steps, axis=1)], axis=1).ravel()
