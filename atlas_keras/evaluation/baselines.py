"""One line of NumPy each: keep pt, eta and phi, and guess the energy. Every model has to beat them clearly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.kinematics import momentum
from atlas_keras.schema import FOUR_MOMENTUM, Collection

FORMULAS = ("massless", "constant_ratio", "constant_mass")
GUESSED = ("E", "mass", "dijet_mass", "pair_mass")  # observables that a guess of E changes


def changing(methods: Iterable[str], variable: str) -> list[str]:
    """Return the methods that change a variable: all but formulas, which change E and what follows from it alone.

    Args:
        methods: their keys.
        variable: name of an observable.
    """
    return [key for key in methods if key not in FORMULAS or variable in GUESSED]


@dataclass(frozen=True)
class Baseline:
    """A guess of E from pt and eta.

    Args:
        name: as it stands in metrics.
        formula: as it stands in reports.
        ratio: E = ratio p.
        mass_over_pt: E = sqrt(p^2 + (mass_over_pt pt)^2).
    """

    name: str
    formula: str
    ratio: float = 1.0
    mass_over_pt: float = 0.0

    @property
    def symbols(self) -> str:
        """The formula as it stands in legends and tables for people."""
        return self.formula.replace("sqrt(p^2", "√(p²").replace(")^2)", ")²)")

    def __call__(self, x: NDArray) -> NDArray[np.float64]:
        """Replace E by the guess, shape `(n_jets, 4)`, float64."""
        x_hat = np.array(x, np.float64)
        x_hat[:, 0] = self.ratio * np.hypot(momentum(x[:, 1], x[:, 2]), self.mass_over_pt * x_hat[:, 1])
        return x_hat


def fit_baselines(jets: NDArray, collection: Collection) -> list[Baseline]:
    """Fit the constants to ln E by least squares; give it the training split alone.

    For the constant m/pt, ln(E/p) = c^2 / (2 cosh^2 eta) to leading order in c, which makes c^2 a linear fit.

    Args:
        jets: shape `(n_jets, n_columns)`.
        collection: what the columns are; those of no four-momentum alone have no such formula, and the list is empty.
    """
    if collection.names != FOUR_MOMENTUM.names:
        return []
    jets = np.asarray(jets, np.float64)
    y = np.log(jets[:, 0] / momentum(jets[:, 1], jets[:, 2]))
    k = 0.5 / np.cosh(jets[:, 2]) ** 2
    ratio, c = float(np.exp(np.mean(y))), float(np.sqrt(max(np.sum(y * k) / np.sum(k * k), 0.0)))
    return [
        Baseline("massless", "E = p"),
        Baseline("constant_ratio", f"E = {ratio:.4f} p", ratio=ratio),
        Baseline("constant_mass", f"E = sqrt(p^2 + ({c:.3f} pt)^2)", mass_over_pt=c),
    ]
