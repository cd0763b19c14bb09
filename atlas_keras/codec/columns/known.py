"""What is known of rows before a column of theirs is coded: values, and what trees and predictions make of them.

Columns look at the same features again and again; each view of one is computed once a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.features import FIRST_LEAF, LEFT, RANK, Rows, leaf_of
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.errors import JetDataError

if TYPE_CHECKING:
    from atlas_keras.codec.columns.linear import Term

SLAB = 64  # terms whose memory is asked for at once
Feature = tuple[NDArray, NDArray[np.bool_]]  # values, and which of them are no spikes


class Known:
    """The features of rows.

    Args:
        rows: which.
        leaf: the values of a leaf of the file, for each row, and which of them are no spikes.
    """

    def __init__(self, rows: Rows, leaf: Callable[[int], Feature]) -> None:
        self.rows, self.leaf = rows, leaf
        self._values: dict[int, Feature] = {}
        self._trees: dict[int, NDArray[np.int16]] = {}
        self._terms: dict[Term, tuple[int, int]] = {}
        self._slabs: list[NDArray[np.int16]] = []
        self._n_terms, self._lock = 0, Lock()

    def values(self, feature: int) -> Feature:
        """Return the values of a feature, and which of them are no spikes.

        Raises:
            JetDataError: it has other rows.
        """
        if feature not in self._values:
            if feature < FIRST_LEAF:
                found = {RANK: self.rows.rank, LEFT: self.rows.left}[feature], np.ones(self.rows.n, bool)
            else:
                found = self.leaf(leaf_of(feature))
            if len(found[0]) != self.rows.n:
                raise JetDataError("a column depends on one with other rows")
            self._values[feature] = found
        return self._values[feature]

    def tree_feature(self, feature: int) -> NDArray[np.int16]:
        """Return a feature as trees look at it."""
        if feature not in self._trees:
            values = self.values(feature)[0]
            self._trees[feature] = values if feature in (RANK, LEFT) else features_of(values)
        return self._trees[feature]

    def term(self, term: Term) -> NDArray[np.int16]:
        """Return a term of predictions."""
        slab, row = self._place(term)
        return self._slabs[slab][row]

    def terms(self, terms: Sequence[Term]) -> Iterator[tuple[NDArray[np.int16], NDArray[np.int64], NDArray[np.int64]]]:
        """Return terms, some at a time: an array, which of its rows are meant, and which of the terms these are."""
        places = np.array([self._place(term) for term in terms]).reshape(-1, 2)
        for slab in np.unique(places[:, 0]):
            chosen = np.flatnonzero(places[:, 0] == slab)
            yield self._slabs[slab], places[chosen, 1], chosen

    def _place(self, term: Term) -> tuple[int, int]:
        if term not in self._terms:
            with self._lock:
                slab, row = divmod(self._n_terms, SLAB)
                self._n_terms += 1
                if row == 0:
                    self._slabs.append(np.empty((SLAB, self.rows.n), np.int16))
            term.fill(self._slabs[slab][row], *self.values(term.feature))
            self._terms[term] = slab, row
        return self._terms[term]
