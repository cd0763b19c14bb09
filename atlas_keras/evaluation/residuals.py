"""Residuals x_hat - x of jets in physical units, and what they do to masses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_keras import kinematics
from atlas_keras.schema import FOUR_MOMENTUM

Array = NDArray[np.float64]


def residuals(x: NDArray, x_hat: NDArray) -> dict[str, Array]:
    """Compute the residual of each variable: relative for E and pt, absolute for eta and phi, phi wrapped [rad].

    Args:
        x, x_hat: jets before and after, shape `(n_jets, 4)`.
    """
    x, x_hat = np.asarray(x, np.float64), np.asarray(x_hat, np.float64)
    result = {}
    for index, variable in enumerate(FOUR_MOMENTUM.variables):
        before, after = x[:, index], x_hat[:, index]
        difference = kinematics.delta_phi(after, before) if variable.periodic else after - before
        result[variable.name] = difference / before if variable.bound == "relative" else difference
    return result


def summarise(residual: Array) -> dict[str, float | None]:
    """Summarise a residual by moments and by quantiles of its absolute value; all None where there is none.

    `mean_abs`, `median_abs`, `rms`, `p68`, `p95`, `p99` (68, 95, 99 % of the jets err less), `max`, `bias` (mean).
    """
    names = ("mean_abs", "median_abs", "rms", "p68", "p95", "p99", "max", "bias")
    if residual.size == 0:
        return dict.fromkeys(names)
    size = np.abs(residual)
    p50, p68, p95, p99 = np.quantile(size, (0.5, 0.68, 0.95, 0.99))
    rms = np.sqrt(np.mean(residual**2))
    values = (np.mean(size), p50, rms, p68, p95, p99, np.max(size), np.mean(residual))
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def relative(before: Array, after: Array) -> tuple[Array, int]:
    """Compute (after - before) / before where before is positive, and how many entries are not."""
    usable = before > 0
    return (after[usable] - before[usable]) / before[usable], int(np.sum(~usable))


def masses(x: NDArray, x_hat: NDArray) -> tuple[Array, Array]:
    """Compute the signed jet masses before and after, in the unit of E."""
    return kinematics.mass(*x[:, :3].T), kinematics.mass(*x_hat[:, :3].T)


def dijet_masses(x: NDArray, x_hat: NDArray, event: NDArray[np.int64]) -> tuple[Array, Array]:
    """Compute the mass of the two jets that lead in pt *before*, before and after; events with fewer have none."""
    pairs = kinematics.leading_pairs(x[:, 1], event)
    return kinematics.dijet_mass(x, pairs), kinematics.dijet_mass(x_hat, pairs)
