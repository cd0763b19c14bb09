"""What the columns of a collection are: names, quantities, units, how their errors count.

Everything that knows columns is given a `Collection`, so that jets of more variables are another collection and not
another program. `FOUR_MOMENTUM` is the one that the four-momentum presets, the physics observables and the published
figures are about.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras.sections import Section, require

# The largest phi that is taken for pi. Files store phi with as few as 8 bits of mantissa (NanoAOD with 12: jets at pi
# have 3.1416015625 there); between 2 and 4 such numbers are 2^-7 apart, so that pi is rounded up by at most 2^-8.
PHI_MAX = math.pi + 2.0**-8

UNITS_IN_MEV: dict[str, float] = {"MeV": 1.0, "GeV": 1000.0}

# What the published studies divide a variable by, by its quantity; of energies they take log10 before.
PUBLISHED_SCALES = {"eta": 5.0, "angle": 3.0}

Quantity = Literal["energy", "mass", "eta", "angle", "fraction", "score", "count", "other"]
RULES = {  # of the others: has to be finite
    "energy": "has to be positive",
    "angle": "has to lie in [-pi, pi]",
    "eta": "has to lie in [-80, 80]",
}
ETA_MAX = 80.0  # cosh of a larger one is no float32


@dataclass(frozen=True)
class Column(Section):
    """One variable of the objects of a collection.

    Args:
        name: as physicists write it, for example `pt`.
        quantity: what it measures. An `energy` (pt is one) is positive, a `mass` any number; both are converted between
            MeV and GeV. An `angle` [rad] wraps at pi. `eta`, `fraction`, `score` and `count` are of order one.
        symbol: for plots, as matplotlib writes formulas; by default the name.
        title: for tables; by default the name.

    Raises:
        ConfigError: an unknown quantity.
    """

    name: str
    quantity: Quantity = "other"
    symbol: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        known = get_args(Quantity)
        require(
            self.quantity in known,
            f"The quantity of a column is one of {', '.join(known)}. Received: {self.quantity!r}",
        )
        object.__setattr__(self, "symbol", self.symbol or self.name)
        object.__setattr__(self, "title", self.title or self.name)

    @property
    def is_energy(self) -> bool:
        """Whether it has the unit of an energy."""
        return self.quantity in ("energy", "mass")

    @property
    def periodic(self) -> bool:
        """Whether it is an angle that wraps at pi."""
        return self.quantity == "angle"

    @property
    def is_relative(self) -> bool:
        """Whether errors count relative to the value; else they count as they are."""
        return self.quantity in ("energy", "mass", "other")

    @property
    def is_logarithmic(self) -> bool:
        """Whether its logarithm is what spreads evenly: plots have it on a logarithmic axis, preprocessing takes it."""
        return self.quantity == "energy"

    @property
    def published_scale(self) -> float:
        """What the published preprocessing divides it by, or its log10."""
        return PUBLISHED_SCALES.get(self.quantity, 1.0)

    def unit(self, energy: str) -> str:
        """Return the unit, `1` where there is none.

        Args:
            energy: unit of energies, `MeV` or `GeV`.
        """
        return energy if self.is_energy else "rad" if self.periodic else "1"

    def label(self, energy: str, text: str | None = None) -> str:
        """Return a text, by default the symbol, with the unit in brackets where there is one.

        Args:
            energy: unit of energies, `MeV` or `GeV`.
            text: in place of the symbol.
        """
        unit = self.unit(energy)
        return (self.symbol if text is None else text) + ("" if unit == "1" else f" [{unit}]")

    def valid(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Mark the values that such a column may have, of any shape: see `rule`."""
        values = np.asarray(values)
        with np.errstate(invalid="ignore"):
            if self.periodic:
                return np.abs(values) <= PHI_MAX
            if self.quantity == "eta":
                return np.abs(values) <= ETA_MAX
            finite: NDArray[np.bool_] = np.isfinite(values)
            return finite & (values > 0) if self.quantity == "energy" else finite

    @property
    def rule(self) -> str:
        """What valid values keep to, for messages."""
        return RULES.get(self.quantity, "has to be finite")


@dataclass(frozen=True)
class Collection(Section):
    """The objects of one kind in an event, and the columns of an array of them, in order.

    Args:
        name: of the collection, for example `jets`.
        columns: each with a name of its own.

    Raises:
        ConfigError: no column, or two of one name.
    """

    name: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        require(
            len(self.columns) > 0 and len(set(self.names)) == len(self.columns),
            f"A collection has columns, each of another name. Received: {self.names}",
        )

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def has(self, *names: str) -> bool:
        """Tell whether all of these are names of its columns."""
        return set(names) <= set(self.names)

    def index(self, name: str) -> int:
        """Return where a column stands; ValueError where there is none of this name."""
        return self.names.index(name)


FOUR_MOMENTUM = Collection(
    "jets",
    (
        Column("E", "energy", "$E$"),
        Column("pt", "energy", "$p_T$"),
        Column("eta", "eta", r"$\eta$"),
        Column("phi", "angle", r"$\phi$"),
    ),
)


MASS = Column("mass", "mass", "$m$")  # that files store in place of E, or beside it


def unit_factor(source: str, target: str) -> float:
    """Compute the factor that converts energies from one unit to another.

    Raises:
        ValueError: a unit that is not MeV or GeV.
    """
    for unit in (source, target):
        if unit not in UNITS_IN_MEV:
            raise ValueError(f"Energies are in MeV or GeV. Received: unit={unit!r}")
    return UNITS_IN_MEV[source] / UNITS_IN_MEV[target]
