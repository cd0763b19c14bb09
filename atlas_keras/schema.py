"""The variables of a jet: names, units, preprocessing, kind of error bound.

Everything that knows the columns of a jet asks a `Schema`, so that a jet of more variables is another schema and not
another program.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

# The largest phi that is taken for pi. Files store phi with as few as 8 bits of mantissa (NanoAOD with 12: jets at pi
# have 3.1416015625 there); between 2 and 4 such numbers are 2^-7 apart, so that pi is rounded up by at most 2^-8.
PHI_MAX = math.pi + 2.0**-8

UNITS_IN_MEV: dict[str, float] = {"MeV": 1.0, "GeV": 1000.0}


@dataclass(frozen=True)
class Variable:
    """One variable of a jet.

    Args:
        name: as physicists write it, for example `pt`.
        dimension: `energy` (converted between MeV and GeV), `angle` [rad] or `none`.
        transform: what the published preprocessing does before scaling: `log10` or `linear`.
        scale: the published preprocessing divides by this after the transform.
        periodic: whether the variable is an angle that wraps at pi.
        bound: whether errors are `relative` or `absolute`.
    """

    name: str
    dimension: Literal["energy", "angle", "none"]
    transform: Literal["log10", "linear"]
    scale: float
    periodic: bool
    bound: Literal["relative", "absolute"]


@dataclass(frozen=True)
class Schema:
    """An ordered set of variables: the columns of an array of jets."""

    name: str
    variables: tuple[Variable, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(variable.name for variable in self.variables)


FOUR_MOMENTUM = Schema(
    "four_momentum",
    (
        Variable("E", "energy", "log10", 1.0, False, "relative"),
        Variable("pt", "energy", "log10", 1.0, False, "relative"),
        Variable("eta", "none", "linear", 5.0, False, "absolute"),
        Variable("phi", "angle", "linear", 3.0, True, "absolute"),
    ),
)


def unit_factor(source: str, target: str) -> float:
    """Give the factor that converts energies from one unit to another.

    Raises:
        ValueError: a unit that is not MeV or GeV.
    """
    for unit in (source, target):
        if unit not in UNITS_IN_MEV:
            raise ValueError(f"Energies are in MeV or GeV. Received: unit={unit!r}")
    return UNITS_IN_MEV[source] / UNITS_IN_MEV[target]
