"""Grids of floats as loops that are compiled: what `Quantizer` computes by NumPy where there is no compiler.

Both use the same operations in the same order, and give the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from atlas_keras.codec.columns.compiled import compiled
from atlas_keras.codec.columns.ordered import one_exp2, one_log2

LARGEST = 1 << 53  # a cell of a grid: beyond, a double does not hold it
INFINITY = float("inf")


@compiled
def fill_logarithmic(values: Any, formula: Any, step: float, base: int, cells: Any) -> None:
    """Find the cells of values on a grid of log2 |x|, or of log2 |x| / f.

    Args:
        values: float64, shape `(n,)`.
        formula: f, shape `(n,)`; or 1, shape `(1,)`.
        step: of the grid.
        base: where the cells of |x| = 1 begin.
        cells: shape `(n,)`, written; 0 where there is none.
    """
    for row in range(len(values)):
        x = values[row]
        size = abs(x) / (formula[row] if len(formula) > 1 else formula[0])
        is_positive = 0 < size < INFINITY
        place = np.rint(one_log2(size if is_positive else 1.0) / step) + base
        place = place if place > 1 else 1.0
        place = place if is_positive and place < LARGEST else 0.0
        cells[row] = int(place if x > 0 else -place)


@compiled
def fill_even(values: Any, step: float, n_turn: int, cells: Any) -> None:
    """Find the cells of values on a grid of x.

    Args:
        values: float64, shape `(n,)`.
        step: of the grid.
        n_turn: number of cells in a turn, or 0.
        cells: shape `(n,)`, written; 0 where there is none.
    """
    for row in range(len(values)):
        place = np.rint(values[row] / step)
        if n_turn > 0:
            place -= np.floor((place + n_turn // 2) / n_turn) * n_turn
        cells[row] = int(place if abs(place) < LARGEST else 0.0)


@compiled
def fill_powers(cells: Any, special: int, formula: Any, step: float, base: int, values: Any) -> None:
    """Compute the values of cells on the grid of `fill_logarithmic`.

    Args:
        cells: shape `(n,)`.
        special: cells from here on have no place on the grid.
        formula, step, base: as of `fill_logarithmic`.
        values: shape `(n,)`, written; 0 where the cell is special.
    """
    for row in range(len(cells)):
        cell = cells[row] if cells[row] < special else 0
        power = one_exp2(float(abs(cell) - base) * step) * (formula[row] if len(formula) > 1 else formula[0])
        values[row] = 0.0 if cell == 0 else -power if cell < 0 else power


@compiled
def find_spikes(bits: Any, spikes: Any, first: int, cells: Any) -> None:
    """Write the cells of spikes.

    Args:
        bits: of values, shape `(n,)`.
        spikes: bits of these.
        first: the cell of the first of them.
        cells: shape `(n,)`, changed.
    """
    for row in range(len(bits)):
        found = -1
        for k in range(len(spikes)):
            if bits[row] == spikes[k]:
                found = k
        if found >= 0:
            cells[row] = first + found


@compiled
def find_kept(values: Any, decoded: Any, is_relative: bool, turn: float, size: float, most: float, found: Any) -> None:
    """Tell which values come back within a bound, where they are finite and not zero.

    Args:
        values, decoded: float64, shape `(n,)`.
        is_relative: whether the bound is relative.
        turn: an error counts the shorter way round it; infinity for none.
        size: of the bound.
        most: larger values come back bit for bit.
        found: shape `(n,)`, written.
    """
    for row in range(len(values)):
        x = values[row]
        error = abs(decoded[row] - x)
        around = abs(error - turn)
        error = around if around < error else error
        limit = size * abs(x) if is_relative else size
        found[row] = error <= limit and 0 < abs(x) <= most
