"""What the cells of a column are measured from: a cell, the row before, a prediction, or the recoil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from atlas_keras.codec.columns.alphabet import Int
from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.linear import Predictor
from atlas_keras.codec.columns.recoil import Recoil


@dataclass(frozen=True)
class Fixed:
    """A cell.

    Args:
        cell: which.
    """

    cell: int


@dataclass(frozen=True)
class Previous:
    """The last cell of the same list that is no spike.

    Args:
        cell: in place of one that is not there.
    """

    cell: int


Origin = Fixed | Previous | Predictor | Recoil
ORIGINS: tuple[type[Origin], ...] = (Fixed, Previous, Predictor, Recoil)


def uses_of(origin: Origin) -> set[int]:
    """Return the numbers of the features that have to be known."""
    if isinstance(origin, Predictor):
        return {term.feature for term in origin.terms}
    return set(origin.uses) if isinstance(origin, Recoil) else set()


def renumbered(origin: Origin, numbers: Mapping[int, int]) -> Origin:
    """Return the same for other numbers of the features."""
    if isinstance(origin, Predictor):
        terms = tuple(replace(term, feature=numbers[term.feature]) for term in origin.terms)
        return replace(origin, terms=terms)
    if isinstance(origin, Recoil):
        missing = tuple(numbers[k] for k in origin.missing)
        return replace(origin, pt=numbers[origin.pt], eta=numbers[origin.eta], missing=missing)
    return origin


def base_of(origin: Origin, known: Known) -> Int:
    """Compute what each row is measured from, shape `(n,)`; or of shape `(1,)`, where that is the same or not known."""
    if isinstance(origin, Predictor) and known.rows.n:
        return origin.predict(known)
    return np.array([origin.cell if isinstance(origin, Fixed | Previous) else 0])
