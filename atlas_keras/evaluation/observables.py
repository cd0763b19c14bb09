"""What is compared before and after: the columns of a collection, and what physics makes of them.

`DERIVED` is the registry of the latter: each says which columns it needs, and is there where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atlas_keras import kinematics
from atlas_keras.schema import Collection, Column

Array = NDArray[np.float64]
NO_PAIRS = np.empty((0, 2), np.int64)
TRANSVERSE = "pt"  # by which the jets of an event are ordered
PROFILED_AGAINST = ("pt", "eta", "mass")  # errors are shown against these, where they are there


@dataclass(frozen=True)
class Derived:
    """An observable that is no column.

    Args:
        column: its name, quantity and texts.
        needs: names of the columns that it is made from; a collection with a column of its own name has none of it.
        compute: of `Observables`, shape `(n_jets,)`, or `(n_pairs,)` where it is one of pairs.
        of_pairs: whether it belongs to the pairs of jets and not to the jets.
    """

    column: Column
    needs: tuple[str, ...]
    compute: Callable[[Observables], Array]
    of_pairs: bool = False


DERIVED = (
    Derived(
        Column("mass", "mass", "$m$", "jet mass"),
        ("E", "pt", "eta"),
        lambda o: kinematics.mass(o["E"], o["pt"], o["eta"]),
    ),
    Derived(
        Column("dijet_mass", "energy", "$m_{jj}$", "dijet mass"),
        ("E", "pt", "eta", "phi"),
        lambda o: kinematics.dijet_mass(o["E"], o["pt"], o["eta"], o["phi"], o.pairs),
        of_pairs=True,
    ),
)


def derived_of(collection: Collection) -> tuple[Derived, ...]:
    """Return the observables that can be made from the columns of a collection."""
    return tuple(d for d in DERIVED if collection.has(*d.needs) and not collection.has(d.column.name))


def counted(column: Column) -> str:
    """Return what a histogram of an observable counts: jets, or pairs of them."""
    return "dijets" if any(d.column == column and d.of_pairs for d in DERIVED) else "jets"


def columns_of_jets(collection: Collection) -> tuple[Column, ...]:
    """Return what every jet has: the columns, then the derived observables."""
    return (*collection, *(d.column for d in derived_of(collection) if not d.of_pairs))


def all_columns(collection: Collection) -> dict[str, Column]:
    """Return all observables by name: those of the jets, then those of pairs."""
    pairs = (d.column for d in derived_of(collection) if d.of_pairs)
    return {column.name: column for column in (*columns_of_jets(collection), *pairs)}


@dataclass(frozen=True)
class Observables:
    """The observables of a set of jets, float64, each computed when it is asked for.

    Args:
        jets: shape `(n_jets, n_columns)`.
        collection: what the columns are.
        pairs: the jets of each dijet, indices of shape `(n_pairs, 2)`.
    """

    jets: NDArray
    collection: Collection
    pairs: NDArray[np.int64] = field(default_factory=NO_PAIRS.copy)

    @classmethod
    def of_events(cls, jets: NDArray, collection: Collection, event: NDArray[np.int64]) -> Observables:
        """Pair the two jets of every event that lead in pt, where there is a pt.

        Args:
            jets: shape `(n_jets, n_columns)`.
            collection: what the columns are.
            event: which event each jet belongs to, shape `(n_jets,)`.
        """
        if not collection.has(TRANSVERSE):
            return cls(jets, collection)
        return cls(jets, collection, kinematics.leading_pairs(jets[:, collection.index(TRANSVERSE)], event))

    @cached_property
    def of_jets(self) -> tuple[Column, ...]:
        """What every jet has: the columns, then the derived observables."""
        return columns_of_jets(self.collection)

    @cached_property
    def all(self) -> dict[str, Column]:
        """All observables by name: those of the jets, then those of pairs."""
        return all_columns(self.collection)

    @cached_property
    def _computed(self) -> dict[str, Array]:
        return {}

    def __getitem__(self, name: str) -> Array:
        """Return one observable by name: shape `(n_jets,)`, one of pairs `(n_pairs,)`."""
        if self.collection.has(name):
            return np.asarray(self.jets[:, self.collection.index(name)], np.float64)
        if name not in self._computed:
            derived = next(d for d in derived_of(self.collection) if d.column.name == name)
            self._computed[name] = derived.compute(self)
        return self._computed[name]

    def spacelike_fraction(self) -> float | None:
        """Compute the fraction of jets with E < p beyond what float32 can tell apart; None without E, pt and eta."""
        if not self.collection.has("E", "pt", "eta"):
            return None
        p = kinematics.momentum(self["pt"], self["eta"])
        return float(np.mean(self["E"] < p * (1 - 4 * np.finfo(np.float32).eps)))


def difference(before: Observables, after: Observables, name: str) -> Array:
    """Compute after - before, an angle wrapped to [-pi, pi), in the observable's own unit."""
    if before.all[name].periodic:
        return kinematics.delta_phi(after[name], before[name])
    return after[name] - before[name]


def residual(before: Observables, after: Observables, name: str) -> Array:
    """Compute the residual: relative where the errors of the quantity count so, else the difference.

    It is NaN where a relative residual has no meaning: at a mass that is not positive before.
    """
    change, column, value = difference(before, after, name), before.all[name], before[name]
    if not column.is_relative:
        return change
    return np.divide(change, value, out=np.full_like(change, np.nan), where=value > 0)
