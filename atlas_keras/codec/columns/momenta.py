"""Which columns of a file are momenta: declared by what they measure in their collection, never guessed from values.

They know of each other: an energy follows from the momentum and the mass, and an azimuth from the recoil of the objects
before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.compiled import COMPILES, call, compiled
from atlas_keras.codec.columns.ordered import exp2, one_exp2
from atlas_keras.data.contents import Group
from atlas_keras.data.naming import missing_momentum_of

PARTS = ("pt", "eta", "phi", "mass", "E", "px", "py", "pz")
COMPONENTS = ("px", "py", "pz", "mass")
LOG2_E, MAX_ETA = 1.4426950408889634, 100.0


@dataclass(frozen=True)
class Momenta:
    """The columns of a file that are momenta, by name.

    Args:
        collections: for each collection its columns, by what they are, of `PARTS`.
        missing: those of the missing momentum, its size and azimuth; or none.
    """

    collections: tuple[dict[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def declared(cls, groups: Iterable[Group], names: Sequence[str]) -> Momenta:
        """Find the momenta of a file.

        Args:
            groups: its collections.
            names: of the columns that are kept.
        """
        found = []
        for group in groups:
            parts = {part: group.sources[part] for part in PARTS if group.sources.get(part) in names}
            if len(parts) > 1:
                found.append(parts)
        return cls(tuple(found), missing_momentum_of(names))

    def late(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that have to be coded behind all others, as one that they follow from stands behind them.

        Args:
            names: of all columns, in the order of the file.
        """
        place = {name: at for at, name in enumerate(names)}

        def waits(name: str) -> bool:
            sources = (*self.sources_of_energy(name), *self.sources_of_azimuth(name))
            return any(place[source] > place[name] for source in sources)

        return tuple(name for name in names if waits(name))

    def sources_of_energy(self, name: str) -> tuple[str, ...]:
        """Return what an energy follows from: pt, eta and any mass, or px, py, pz and the mass; else nothing."""
        for parts in self.collections:
            if parts.get("E") == name and {"pt", "eta"} <= set(parts):
                return tuple(parts[part] for part in ("pt", "eta", "mass") if part in parts)
            if parts.get("E") == name and set(COMPONENTS) <= set(parts):
                return tuple(parts[part] for part in COMPONENTS)
        return ()

    def sources_of_azimuth(self, name: str) -> tuple[str, ...]:
        """Return pt and eta of the objects whose azimuth has this name; else nothing."""
        for parts in self.collections:
            if parts.get("phi") == name and {"pt", "eta"} <= set(parts):
                return parts["pt"], parts["eta"]
        return ()


def energy_of(sources: Sequence[NDArray]) -> NDArray[np.float64]:
    """Compute the energy from what it follows from, as `sources_of_energy` names it: two, three or four columns."""
    return energy_of_components(*sources) if len(sources) == len(COMPONENTS) else energy(*sources)


def energy_of_components(px: NDArray, py: NDArray, pz: NDArray, mass: NDArray) -> NDArray[np.float64]:
    """Compute the energy of decoded momenta, the same bits everywhere; 1 where there is none.

    Args:
        px, py, pz, mass: shape `(n,)`; in one unit.
    """
    with np.errstate(all="ignore"):
        squares = [np.square(part.astype(np.float64)) for part in (px, py, pz, mass)]
        found = np.sqrt(((squares[0] + squares[1]) + squares[2]) + squares[3])
        return np.where(np.isfinite(found) & (found > 0), found, 1.0)


def energy(pt: NDArray, eta: NDArray, mass: NDArray | float = 0.0) -> NDArray[np.float64]:
    """Compute the energy of decoded momenta, the same bits everywhere; 1 where there is none.

    Args:
        pt, eta, mass: shape `(n,)`; energies in one unit.
    """
    if COMPILES:
        with np.errstate(invalid="ignore"):  # of NaN that signal
            pt, eta, mass = (np.atleast_1d(x).astype(np.float64, copy=False) for x in (pt, eta, mass))
        energies = np.empty(len(pt))
        call(fill_energies, pt, eta, mass, energies)
        return energies
    with np.errstate(all="ignore"):
        size = np.abs(eta.astype(np.float64))
        power = np.where(size < MAX_ETA, size, MAX_ETA) * LOG2_E
        p = pt.astype(np.float64) * (0.5 * (exp2(power) + exp2(-power)))
        m = np.asarray(mass, np.float64)
        found = np.sqrt(p * p + m * m)
        return np.where(np.isfinite(found) & (found > 0), found, 1.0)


@compiled
def fill_energies(pt: Any, eta: Any, mass: Any, found: Any) -> None:
    """Compute what `energy` computes by NumPy, by the same operations; `mass` has shape `(n,)` or `(1,)`."""
    for row in range(len(pt)):
        size = abs(eta[row])
        power = (size if size < MAX_ETA else MAX_ETA) * LOG2_E
        p = pt[row] * (0.5 * (one_exp2(power) + one_exp2(-power)))
        m = mass[row] if len(mass) > 1 else mass[0]
        e = math.sqrt(p * p + m * m)
        found[row] = e if 0 < e < np.inf else 1.0
