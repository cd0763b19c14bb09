"""What is compared before and after: E, pt, eta, phi and the mass of each jet, and the dijet mass of each event."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atlas_keras import kinematics
from atlas_keras.schema import FOUR_MOMENTUM, Variable

Array = NDArray[np.float64]
MASS = Variable("mass", "energy", "linear", 1.0, False, "relative")
DIJET_MASS = Variable("dijet_mass", "energy", "linear", 1.0, False, "relative")
OF_JETS: tuple[Variable, ...] = (*FOUR_MOMENTUM.variables, MASS)
ALL: dict[str, Variable] = {variable.name: variable for variable in (*OF_JETS, DIJET_MASS)}


@dataclass(frozen=True)
class Observables:
    """The observables of a set of jets, float64, each computed when it is asked for.

    Args:
        jets: shape `(n_jets, 4)`: E, pt, eta, phi.
        pairs: the jets of each dijet, indices of shape `(n_pairs, 2)`.
    """

    jets: NDArray
    pairs: NDArray[np.int64]

    def __getitem__(self, name: str) -> Array:
        """Give one observable by name: shape `(n_jets,)`, of `dijet_mass` `(n_pairs,)`."""
        if name == "mass":
            return self.mass
        if name == "dijet_mass":
            return self.dijet_mass
        return np.asarray(self.jets[:, FOUR_MOMENTUM.names.index(name)], np.float64)

    @cached_property
    def mass(self) -> Array:
        """Signed jet masses, in the unit of E."""
        return kinematics.mass(self["E"], self["pt"], self["eta"])

    @cached_property
    def dijet_mass(self) -> Array:
        """Signed masses of the pairs, in the unit of E."""
        return kinematics.dijet_mass(self.jets, self.pairs)

    def spacelike_fraction(self) -> float:
        """Compute the fraction of jets with E < p beyond what float32 can tell apart."""
        p = kinematics.momentum(self["pt"], self["eta"])
        return float(np.mean(self["E"] < p * (1 - 4 * np.finfo(np.float32).eps)))


def difference(before: Observables, after: Observables, name: str) -> Array:
    """Compute after - before, phi wrapped to [-pi, pi), in the observable's own unit."""
    if ALL[name].periodic:
        return kinematics.delta_phi(after[name], before[name])
    return after[name] - before[name]


def residual(before: Observables, after: Observables, name: str) -> Array:
    """Compute the residual: relative for E, pt and masses, absolute for eta and phi.

    It is NaN where a relative residual has no meaning: at a mass that is not positive before.
    """
    change = difference(before, after, name)
    if ALL[name].bound == "absolute":
        return change
    value = before[name]
    return np.divide(change, value, out=np.full_like(change, np.nan), where=value > 0)
