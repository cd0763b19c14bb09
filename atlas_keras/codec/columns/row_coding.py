"""Code the cells of a column, row by row: a tree finds the counts that each symbol is coded under, and counts it.

A symbol is a special cell (a spike), an interval of residuals, or `outside`. Inside of an interval all cells are
equally likely; a cell outside of all intervals follows as 64 bits. An encoder finds all symbols and leaves before it
writes; a decoder finds the leaf of a row when it has the rows before, where the tree looks at these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from atlas_keras.codec.columns.compiled import compiled, inlined, place
from atlas_keras.codec.columns.features import MAX_PLACE
from atlas_keras.codec.columns.range_coder import (
    BITS,
    LAST,
    TOP,
    WORD,
    fill,
    flush,
    put_equal,
    put_symbol,
    take_equal,
    take_symbol,
)
from atlas_keras.codec.columns.recoil import advance, around, is_around, look

LARGEST = 1 << 60  # a cell beyond has no residual
FIXED, PREVIOUS, RECOIL = range(3)  # what residuals are measured from: a base, the row before, the recoil
# What a tree sees that the walk along the rows tells: the symbol of the row before (NONE in the first row of a list),
# and the last cell of the list that has a residual, in steps; or what is seen of the recoil. Behind them come the
# features of all rows.
OWN, CELL, N_LOCAL = 0, 1, 4
NONE = -1
BLOCK = 256
NO_CELL = -MAX_PLACE - 1


@compiled
def last_at_most(edges: Any, n: int, value: int) -> int:
    """Find the last of `n` ascending numbers that is at most a value; the first is."""
    found = 0
    for k in range(1, n):  # to compare with all of the few is faster than to choose which
        found += edges[k] <= value
    return found


@compiled
def find_symbols(
    cells: Any, base: Any, first: Any, mode: int, n_cells: int, specials: Any, edges: Any, symbols: Any, offsets: Any
) -> None:
    """Find the symbol of each row, and its place in the interval; `offsets` has the cell itself where it is outside.

    Args:
        cells: int64, shape `(n,)`.
        base: what each residual is measured from, shape `(n,)`; shape `(1,)` where it is the same for all rows.
        first: whether a row is the first one of a list, shape `(n,)`.
        mode: FIXED, PREVIOUS (measure from the last cell of the same list that has a residual, and from base without
            one), or RECOIL (the shorter way round a turn).
        n_cells: of a turn.
        specials: ascending cells with symbols of their own.
        edges: of the intervals of residuals, ascending.
        symbols, offsets: shape `(n,)`, written.
    """
    n_specials, n_bins = len(specials), len(edges) - 1
    last = base[0]
    for row in range(len(cells)):
        start = base[row] if len(base) > 1 else base[0]
        if mode == PREVIOUS:
            start = start if first[row] else last
        cell = cells[row]
        symbol, offset = n_specials + n_bins, cell
        last = start
        if n_specials > 0 and cell >= specials[0]:
            at = last_at_most(specials, n_specials, cell)
            if specials[at] == cell:
                symbol = at
        elif -LARGEST < cell < LARGEST and (mode != RECOIL or is_around(cell, n_cells)):
            residual = around(cell - start, n_cells) if mode == RECOIL else cell - start
            last = cell
            if edges[0] <= residual < edges[n_bins]:
                at = last_at_most(edges, n_bins, residual)
                symbol, offset = n_specials + at, residual - edges[place(at)]
        symbols[row], offsets[row] = symbol, offset


@compiled
def find_cells(cells: Any, first: Any, shift: int, below: int, seen: Any) -> None:
    """Find the last cell before each row, of the same list, that has a residual: in steps, as trees see it.

    Args:
        cells: int64, shape `(n,)`.
        first: whether a row is the first one of a list, shape `(n,)`.
        shift: a step is 2^shift cells.
        below: cells from here on are special.
        seen: shape `(n,)`, written.
    """
    last = NO_CELL
    for row in range(len(cells)):
        if first[row]:
            last = NO_CELL
        seen[row] = last
        if -LARGEST < cells[row] < min(LARGEST, below):
            last = in_steps(cells[row], shift)


@inlined
def in_steps(cell: int, shift: int) -> int:
    """Return a cell as trees see it."""
    return min(max(cell >> shift, -MAX_PLACE), MAX_PLACE)


@compiled
def find_leaves(features: Any, feature: Any, threshold: Any, child: Any, number: Any, depth: int, leaves: Any) -> None:
    """Find the leaf of each row: features above the threshold go right.

    Args:
        features: of all rows, one feature after the other.
        feature: where the values begin that a node looks at.
        threshold, child: of the nodes; a leaf leads to itself.
        number: of each leaf; -1 of other nodes.
        depth: of the tree.
        leaves: shape `(n,)`, written.
    """
    n = len(leaves)
    nodes = np.empty(BLOCK, np.int32)
    for begin in range(0, n, BLOCK):  # all rows of a block a level down, which the compiler makes one instruction of
        n_rows = min(n - begin, BLOCK)
        for k in range(n_rows):
            nodes[k] = 0
        for _ in range(depth):
            for k in range(n_rows):
                node = place(nodes[k])
                nodes[k] = child[node] + (features[place(feature[node] + begin + k)] > threshold[node])
        for k in range(n_rows):
            leaves[begin + k] = number[place(nodes[k])]


@inlined
def leaf_of(features: Any, row: int, feature: Any, threshold: Any, child: Any, number: Any) -> int:
    """Find the leaf of a row; arguments as of `find_leaves`."""
    node = place(0)
    while number[node] < 0:
        node = place(child[node] + (features[place(feature[node] + row)] > threshold[node]))
    return number[node]


@compiled
def write_rows(
    symbols: Any, offsets: Any, leaves: Any, counts: Any, width: int, n_specials: int, edges: Any, out: Any
) -> int:
    """Write symbols and places.

    Args:
        symbols, offsets: of `find_symbols`.
        leaves: of `find_leaves`.
        counts: of the leaves, as `take_symbol` has them; they are changed.
        width: numbers of a leaf in `counts`.
        n_specials: number of special cells.
        edges: of the intervals.
        out: the bytes, 24 for each row and 16 more.

    Returns:
        How many bytes are written.
    """
    low, size, at = 0, TOP, 0
    outside = n_specials + len(edges) - 1
    for row in range(len(symbols)):
        symbol = symbols[row]
        low, size, at = put_symbol(low, size, at, out, counts, leaves[row], width, symbol)
        if symbol == outside:
            for shift in (48, 32, 16, 0):
                low, size, at = put_equal(low, size, at, out, (offsets[row] >> shift) & (WORD - 1), WORD)
        elif symbol >= n_specials:
            bin_width = edges[place(symbol - n_specials + 1)] - edges[place(symbol - n_specials)]
            if bin_width > 1:
                low, size, at = put_equal(low, size, at, out, offsets[row], bin_width)
    return flush(low, size, at, out)


@compiled
def read_rows(
    content: Any, cells: Any, base: Any, first: Any, mode: int, momenta: Any, n_cells: int, shift: int, leaves: Any,
    features: Any, feature: Any, threshold: Any, child: Any, number: Any, counts: Any, width: int, specials: Any,
    edges: Any, sin: Any, atan: Any, log2: Any,
) -> None:  # fmt: skip
    """Read what `write_rows` wrote, into `cells`.

    Args:
        content: the bytes.
        cells: shape `(n,)`, written.
        base, first, mode, n_cells, specials, edges: as of `find_symbols`.
        momenta: of `Recoil.momenta`, where the mode is RECOIL.
        shift: of `find_cells`.
        leaves: of `find_leaves`; empty where these have to be found row by row, with the arguments that follow.
        features, feature, threshold, child, number: as of `find_leaves`; the first N_LOCAL features are written.
        counts, width: as of `write_rows`.
        sin, atan, log2: tables.
    """
    n, n_specials, n_bytes = len(cells), len(specials), len(content)
    outside = n_specials + len(edges) - 1
    code, size, at = fill(content, n_bytes), TOP, LAST
    own, seen, last, x, y, turn = NONE, NO_CELL, base[0], 0, 0, 0
    below = specials[0] if n_specials > 0 else LARGEST
    for row in range(n):
        start = base[row] if len(base) > 1 else base[0]
        if first[row]:
            own, seen = NONE, NO_CELL
        if mode == PREVIOUS:
            start = start if first[row] else last
        elif mode == RECOIL:
            if first[row]:
                x, y, turn = momenta[n + row], momenta[2 * n + row], 0
            start = look(x, y, momenta[3 * n + row], turn, n_cells, features, CELL * n + row, n, atan, log2)
        if len(leaves) > 0:
            leaf = leaves[row]
        else:
            features[OWN * n + row] = own
            if mode != RECOIL:
                features[CELL * n + row] = seen
            leaf = leaf_of(features, row, feature, threshold, child, number)
        symbol, code, size, at = take_symbol(code, size, at, content, n_bytes, counts, leaf, width)
        own = symbol
        last = start
        if symbol == outside:
            cell, code, size, at = take_equal(code, size, at, content, n_bytes, WORD)
            cell = cell - WORD if cell >= WORD // 2 else cell
            for _ in range(3):
                part, code, size, at = take_equal(code, size, at, content, n_bytes, WORD)
                cell = (cell << BITS) + part
        elif symbol >= n_specials:
            low = edges[place(symbol - n_specials)]
            bin_width = edges[place(symbol - n_specials + 1)] - low
            cell = start + low
            if bin_width > 1:
                part, code, size, at = take_equal(code, size, at, content, n_bytes, bin_width)
                cell += part
        else:
            cell = specials[place(symbol)]
        if mode == RECOIL:
            if n_specials <= symbol < outside:
                cell = around(cell, n_cells)
            x, y, turn = advance(x, y, turn, cell, momenta[row], n_cells, sin)
        elif -LARGEST < cell < min(LARGEST, below):
            last, seen = cell, in_steps(cell, shift)
        cells[row] = cell
