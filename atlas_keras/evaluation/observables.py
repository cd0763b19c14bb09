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
DRAWN = (TRANSVERSE, "eta", "phi")  # what a picture of an event is made from
PROFILED_AGAINST = ("pt", "eta", "mass")  # errors are shown against these, where they are there


@dataclass(frozen=True)
class Derived:
    """An observable that is no column.

    Args:
        column: its name, quantity and texts.
        needs: names of the columns that it is made from; a collection with a column of its own name has none of it.
        compute: of `Observables`, shape `(n_jets,)`, or `(n_pairs,)` where it is one of pairs.
        of_pairs: whether it belongs to the pairs of jets and not to the jets.
        word: that collections call their objects by which have it, `jet` or `row`; all where it is empty.
    """

    column: Column
    needs: tuple[str, ...]
    compute: Callable[[Observables], Array]
    of_pairs: bool = False
    word: str = ""


def _ratio(name: str, symbol: str, above: str, below: str) -> Derived:
    """Return the ratio of two columns; 0 where the one below is not positive, as of a jet of a single constituent."""

    def compute(o: Observables) -> Array:
        return np.divide(o[above], o[below], out=np.zeros(len(o.jets)), where=o[below] > 0)

    return Derived(Column(name, "other", symbol), (above, below), compute)


def _correlators(name: str, symbol: str, e1: str, e2: str, e3: str, powers: tuple[int, int]) -> Derived:
    """Return e3 e1^p / e2^q of energy correlators, which have e1 = 1 where they are normalized; 0 of e2 = 0."""

    def compute(o: Observables) -> Array:
        above = o[e3] * (o[e1] ** powers[0] if e1 else 1.0)
        return np.divide(above, o[e2] ** powers[1], out=np.zeros(len(o.jets)), where=o[e2] > 0)

    return Derived(Column(name, "other", symbol), tuple(filter(None, (e1, e2, e3))), compute)


def _pair(name: str, symbol: str, title: str, word: str, last: str) -> Derived:
    """Return the mass of a pair, from E or from the mass of each."""

    def compute(o: Observables) -> Array:
        pt, eta, phi = o["pt"], o["eta"], o["phi"]
        e = o["E"] if last == "E" else kinematics.energy(pt, eta, o["mass"])
        return kinematics.dijet_mass(e, pt, eta, phi, o.pairs)

    return Derived(Column(name, "energy", symbol, title), (last, "pt", "eta", "phi"), compute, True, word)


DERIVED = (  # of several with one name the first holds that a collection has the columns for
    *(
        Derived(
            Column("mass", "mass", "$m$", title),
            ("E", "pt", "eta"),
            lambda o: kinematics.mass(o["E"], o["pt"], o["eta"]),
            word=word,
        )
        for title, word in (("jet mass", "jet"), ("mass", "row"))
    ),
    *(_pair("dijet_mass", "$m_{jj}$", "dijet mass", "jet", last) for last in ("E", "mass")),
    *(_pair("pair_mass", "$m_{12}$", "mass of the leading pair", "row", last) for last in ("E", "mass")),
    *(
        _ratio(f"tau{n + 1}{n}{end}", rf"$\tau_{{{n + 1}{n}}}$", f"{tau}{n + 1}{end}", f"{tau}{n}{end}")
        for tau, end in (("tau", ""), ("Tau", "_wta"))
        for n in (1, 2, 3)
    ),
    *(
        _correlators(name, symbol, *columns, powers)
        for columns in (("", "e2", "e3"), ("ECF1", "ECF2", "ECF3"))
        for name, symbol, powers in (("C2", "$C_2$", (1, 2)), ("D2", "$D_2$", (3, 3)))
    ),
)


def derived_of(collection: Collection) -> tuple[Derived, ...]:
    """Return the observables that can be made from the columns of a collection."""
    found: dict[str, Derived] = {}
    for d in DERIVED:
        if collection.has(*d.needs) and not collection.has(d.column.name) and d.word in ("", collection.word):
            found.setdefault(d.column.name, d)
    return tuple(found.values())


def counted(column: Column, word: str) -> str:
    """Return what a histogram of an observable counts: jets, or pairs of them.

    Args:
        column: the observable.
        word: what the collection calls its objects: `jet` or `row`.
    """
    pairs = "dijets" if word == "jet" else "pairs"
    return pairs if any(d.column == column and d.of_pairs for d in DERIVED) else f"{word}s"


def can_be_spacelike(collection: Collection) -> bool:
    """Tell whether the columns of a collection say of every jet whether E is below p."""
    return collection.has("E", "pt", "eta")


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

    def n_spacelike(self) -> int:
        """Count the jets with E < p beyond what float32 can tell apart; none has it without E, pt and eta."""
        if not can_be_spacelike(self.collection):
            return 0
        p = kinematics.momentum(self["pt"], self["eta"])
        return int(np.sum(self["E"] < p * (1 - 4 * np.finfo(np.float32).eps)))


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
