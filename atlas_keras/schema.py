"""What the columns of a file are: names, types, quantities, units, bounds, how their errors count.

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

from atlas_keras.errors import ConfigError
from atlas_keras.sections import Section, require
from atlas_keras.suggestions import suggest

# The largest phi that is taken for pi. Files store phi with as few as 8 bits of mantissa (NanoAOD with 12: jets at pi
# have 3.1416015625 there); between 2 and 4 such numbers are 2^-7 apart, so that pi is rounded up by at most 2^-8.
PHI_MAX = math.pi + 2.0**-8

UNITS_IN_MEV: dict[str, float] = {"MeV": 1.0, "GeV": 1000.0}

# What the published studies divide a variable by, by its quantity; of energies they take log10 before.
PUBLISHED_SCALES = {"eta": 5.0, "angle": 3.0}

EVENTS = "events"  # the name of a collection that means the columns of the events: a row an event

Quantity = Literal["energy", "mass", "eta", "angle", "fraction", "score", "count", "id", "flag", "other"]
BoundKind = Literal["relative", "absolute", "angle", "exact", "drop"]
USUAL_BOUND = 1e-3
RULES = {  # of the others: has to be finite
    "energy": "has to be positive",
    "angle": "has to lie in [-pi, pi]",
    "eta": "has to lie in [-80, 80]",
}
ETA_MAX = 80.0  # cosh of a larger one is no float32


@dataclass(frozen=True)
class Bound(Section):
    """How far a value may be from what it was.

    Args:
        kind: `relative` to the value, `absolute`, `angle` (absolute, the shorter way round [rad]), `exact` (bit for
            bit), or `drop`, for a column that is left out.
        size: the largest error; 0 for `exact` and `drop`.

    Raises:
        ConfigError: an unknown kind, or a size that cannot be.
    """

    kind: BoundKind
    size: float = 0.0

    def __post_init__(self) -> None:
        kinds = get_args(BoundKind)
        require(self.kind in kinds, f"A bound is {', '.join(kinds)}. Received: {self.kind!r}")
        sized = self.kind in ("relative", "absolute", "angle")
        fits = 0 < self.size < math.inf if sized else self.size == 0
        require(fits, f"A bound {self.kind!r} has {'a positive' if sized else 'no'} size. Received: {self.size}")
        require(self.kind != "relative" or self.size < 1, f"A relative bound is below 1. Received: {self.size}")

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Read `relative 1e-3`, `rel 1e-3`, `abs 1e-2`, `angle 1e-3`, `exact` or `drop`.

        Raises:
            ConfigError: anything else.

        Example:
            >>> Bound.parse("rel 1e-3")
            Bound(kind='relative', size=0.001)
        """
        word, _, number = text.strip().partition(" ")
        found = [kind for kind in get_args(BoundKind) if word and kind.startswith(word)]
        try:
            size = float(number) if number.strip() else 0.0
        except ValueError:
            raise ConfigError(f"A bound is a word and a number, as in 'rel 1e-3'. Received: {text!r}") from None
        require(len(found) == 1, f"A bound is one of {', '.join(get_args(BoundKind))}. Received: {text!r}")
        return cls(found[0], size)

    def __str__(self) -> str:
        return f"{self.kind} {self.size!r}" if self.size else self.kind


@dataclass(frozen=True)
class Column(Section):
    """One variable of the objects of a collection, or of the events.

    Args:
        name: as physicists write it, for example `pt`.
        quantity: what it measures. An `energy` (pt is one) is positive, a `mass` any number; both are converted between
            MeV and GeV. An `angle` [rad] wraps at pi. `eta`, `fraction`, `score` and `count` are of order one. An `id`
            and a `flag` are names and not numbers.
        symbol: for plots, as matplotlib writes formulas; by default the name.
        title: for tables; by default the name.
        dtype: of the values in a file, as NumPy calls it.
        bound: how far a compressed value may be off; None means that of its quantity, `usual_bound`.

    Raises:
        ConfigError: an unknown quantity.
    """

    name: str
    quantity: Quantity = "other"
    symbol: str = ""
    title: str = ""
    dtype: str = "float32"
    bound: Bound | None = None

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
    def usual_bound(self) -> Bound:
        """How far a compressed value may be off where nobody has said it; what is no measurement, not at all.

        An absolute bound would destroy lengths and weights, which may be of any size, so they have a relative one.
        """
        if not self.dtype.startswith("float") or self.quantity in ("id", "flag", "count"):
            return Bound("exact")
        if self.periodic:
            return Bound("angle", USUAL_BOUND)
        return Bound("absolute" if self.quantity in ("eta", "fraction", "score") else "relative", USUAL_BOUND)

    @property
    def is_relative(self) -> bool:
        """Whether errors count relative to the value; else they count as they are."""
        return self.is_energy  # of others nobody knows whether they pass through zero

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers, or flags: after a model, the nearest one counts."""
        return not self.dtype.startswith("float")

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
        counter: the column of the events that counts its objects, as `nJet` does; empty where lists have a length.

    Raises:
        ConfigError: no column, or two of one name.
    """

    name: str
    columns: tuple[Column, ...]
    counter: str = ""

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

    @property
    def word(self) -> str:
        """What messages call one of its objects: `jet` where its name says so, else `row`."""
        return "jet" if "jet" in self.name.lower() else "row"

    @property
    def title(self) -> str:
        """What messages call its objects: `jets`, or with its name, where that says more: `rows of Muon`."""
        return "jets" if self.name.lower() in ("jet", "jets") else f"{self.word}s of {self.name}"

    def has(self, *names: str) -> bool:
        """Tell whether all of these are names of its columns."""
        return set(names) <= set(self.names)

    def index(self, name: str) -> int:
        """Return where a column stands; ValueError where there is none of this name."""
        return self.names.index(name)


@dataclass(frozen=True)
class Schema(Section):
    """What a file holds: collections of objects, and columns with one value an event.

    Args:
        collections: each with a name of its own.
        events: columns of the events.
        unit: of energies, `MeV` or `GeV`.

    Raises:
        ConfigError: two of one name.
    """

    collections: tuple[Collection, ...]
    events: tuple[Column, ...] = ()
    unit: str = "MeV"

    def __post_init__(self) -> None:
        require(self.unit in UNITS_IN_MEV, f"Energies are in MeV or GeV. Received: unit={self.unit!r}")
        for what, parts in (("collections", self.collections), ("columns of the events", self.events)):
            names = [part.name for part in parts]
            require(len(set(names)) == len(names), f"The {what} of a schema have different names. Received: {names}")

    def collection(self, name: str) -> Collection:
        """Return a collection by its name; `events` means the columns of the events, where no collection is called so.

        Raises:
            ConfigError: there is none; the message names the nearest one.
        """
        found = {collection.name: collection for collection in self.collections}
        if name == EVENTS and self.events and name not in found:
            return Collection(EVENTS, self.events)
        if name not in found:
            raise ConfigError(f"No collection {name!r}; {suggest(name, found)}")
        return found[name]


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
