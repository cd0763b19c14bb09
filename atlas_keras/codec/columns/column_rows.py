"""The rows of a column as the functions of `row_coding` have them: symbols, leaves, and what these come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Alphabet, Int
from atlas_keras.codec.columns.compiled import call
from atlas_keras.codec.columns.features import DISTANCE, PREDICTED
from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.origin import Origin, Previous, base_of
from atlas_keras.codec.columns.recoil import TABLES, Recoil
from atlas_keras.codec.columns.row_coding import (
    FIXED,
    LARGEST,
    N_LOCAL,
    NONE,
    PREVIOUS,
    RECOIL,
    find_cells,
    find_leaves,
    find_symbols,
    read_rows,
)  # fmt: skip

if TYPE_CHECKING:
    from atlas_keras.codec.columns.learned import LearnedColumn


@dataclass(frozen=True)
class ColumnRows:
    """The rows of a column, as the functions of `row_coding` have them.

    Args:
        model: of the column.
        first: whether each is the first one of a list.
        base: what each is measured from.
        momenta: of the recoil, or empty.
        features: that the tree looks at, shape `(n_uses, n)`; before them, where it looks at what the walk along the
            rows tells, room for N_LOCAL of these.
    """

    model: LearnedColumn
    first: NDArray[np.uint8]
    base: Int
    momenta: Int
    features: NDArray[np.int16]

    @classmethod
    def of(cls, model: LearnedColumn, known: Known) -> ColumnRows:
        """Gather what is known.

        Raises:
            JetDataError: a feature has other rows.
        """
        origin, rows = model.origin, known.rows
        base = base_of(origin, known)
        momenta = origin.momenta(known.values, rows.n) if isinstance(origin, Recoil) else np.empty((4, 0), np.int64)
        n_local = N_LOCAL if model.tree.looks_along or isinstance(origin, Recoil) else 0
        features = np.empty((n_local + len(model.tree.uses), rows.n), np.int16)
        features[:n_local] = 0
        for k, use in enumerate(model.tree.uses, n_local):
            if use == PREDICTED:
                features[k] = features_of(base)
            elif use == DISTANCE and isinstance(origin, Recoil):
                features[k] = origin.distance(known.values, rows)
            else:
                features[k] = known.tree_feature(use)
        return cls(model, rows.first, base, momenta, features)

    @cached_property
    def _tree(self) -> tuple[Any, ...]:
        n_local = len(self.features) - len(self.model.tree.uses)
        return self.features.ravel(), *self.model.tree.nodes(N_LOCAL - n_local, len(self.first))

    def along(self, cells: Int) -> tuple[Int, NDArray[np.int16]]:
        """Return what known cells are measured from, and what trees see of the rows before."""
        if isinstance(self.model.origin, Recoil):
            return self.model.origin.walk(cells, self.momenta, self.first)
        return self.base, cells_before(cells, self.first, self.model.alphabet.specials, self.model.shift)

    def leaves(self) -> Int:
        """Find the leaves, where all that the tree looks at is known."""
        found = np.empty(len(self.first), np.int64)
        call(find_leaves, *self._tree, self.model.tree.depth, found, changed=(6,))
        return found

    def read(self, content: NDArray[np.uint8], leaves: Int) -> Int:
        """Read cells."""
        alphabet, cells = self.model.alphabet, np.empty(len(self.first), np.int64)
        mode, n_cells = mode_of(self.model.origin)
        call(
            read_rows, content, cells, self.base, self.first, mode, self.momenta.ravel(), n_cells, self.model.shift,
            leaves, *self._tree, *self.model.laid_out(), alphabet.specials, alphabet.edges, *TABLES,
            changed=(1,),
        )  # fmt: skip
        return cells


def mode_of(origin: Origin) -> tuple[int, int]:
    """Return how the functions of `row_coding` know an origin, and the number of cells in a turn."""
    if isinstance(origin, Recoil):
        return RECOIL, origin.n_cells
    return PREVIOUS if isinstance(origin, Previous) else FIXED, 1


def cells_before(cells: Int, first: NDArray[np.uint8], specials: Int, shift: int) -> NDArray[np.int16]:
    """Return the cell before each row as trees see it, shape `(1, n)`: see `find_cells`."""
    found = np.empty(len(cells), np.int16)
    call(find_cells, cells, first, shift, int(specials[0]) if len(specials) else LARGEST, found, changed=(4,))
    return found[None]


def symbols_before(symbols: Int, first: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the symbol of the row before, NONE in the first row of a list."""
    found = np.empty(len(symbols), np.int16)
    found[1:] = symbols[:-1]
    found[first > 0] = NONE
    return found


def symbols_of(cells: Int, base: Int, first: NDArray[np.uint8], origin: Origin, alphabet: Alphabet) -> tuple[Int, Int]:
    """Find the symbols of known cells, and the places in their intervals.

    Args:
        cells: shape `(n,)`.
        base: what each of them is measured from, shape `(n,)` or `(1,)`.
        first: whether each is the first one of a list.
        origin: that base comes from.
        alphabet: of the symbols.
    """
    found = np.empty(len(cells), np.int64), np.empty(len(cells), np.int64)
    arguments = (cells, base, first, *mode_of(origin), alphabet.specials, alphabet.edges, *found)
    call(find_symbols, *arguments, changed=(7, 8))
    return found
