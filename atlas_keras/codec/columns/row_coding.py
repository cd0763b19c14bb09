"""The cells of a column and their bytes, row by row: a tree says how likely each symbol is, a range coder writes it.

A symbol is a special cell (a spike), an interval of residuals, or `outside`. Inside of an interval all cells are
equally likely; a cell outside of all intervals follows as 64 bits.
"""

from __future__ import annotations

from typing import Any

from atlas_keras.codec.columns.compiled import compiled
from atlas_keras.codec.columns.range_coder import (
    AT,
    LOW,
    RANGE,
    TOP,
    fill,
    flush,
    put_equal,
    put_symbol,
    take_equal,
    take_symbol,
)

LARGEST = 1 << 60  # a cell beyond has no residual
OWN = 0  # the feature that is the symbol of the row before, -1 in the first row of a list
NONE = -1
WORD = 1 << 16


@compiled
def leaf_of(features: Any, n: int, row: int, own: int, feature: Any, threshold: Any, child: Any) -> int:
    """Walk down a tree: features above the threshold go right."""
    node = 0
    while feature[node] >= 0:
        which = feature[node]
        value = own if which == OWN else features[(which - 1) * n + row]
        node = child[node] + (1 if value > threshold[node] else 0)
    return child[node]


@compiled
def last_at_most(edges: Any, n: int, value: int) -> int:
    """Find the last of `n` ascending numbers that is at most a value; the first is."""
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@compiled
def encode_rows(
    cells: Any, base: Any, first: Any, by_previous: bool, features: Any, feature: Any, threshold: Any, child: Any,
    counts: Any, totals: Any, specials: Any, edges: Any, out: Any, state: Any,
) -> int:  # fmt: skip
    """Write the cells of a column.

    Args:
        cells: int64, shape `(n,)`.
        base: what each residual is measured from, shape `(n,)`; shape `(1,)` where it is the same for all rows.
        first: whether a row is the first one of a list, shape `(n,)`.
        by_previous: measure from the last cell of the same list that has a residual, and from base without one.
        features: of all rows, one feature after the other.
        feature, threshold, child: of the tree.
        counts, totals: of its leaves; they are changed.
        specials: ascending cells with symbols of their own.
        edges: of the intervals of residuals, ascending.
        out: the bytes, 16 for each row and 16 more.
        state: three integers, of the coder.

    Returns:
        How many bytes are written.
    """
    n, n_specials, n_bins = len(cells), len(specials), len(edges) - 1
    n_symbols = n_specials + n_bins + 1
    state[LOW], state[RANGE], state[AT] = 0, TOP, 0
    own, last = NONE, base[0]
    for row in range(n):
        start = base[row] if len(base) > 1 else base[0]
        if first[row]:
            own, last = NONE, start
        if by_previous:
            start = last
        cell = cells[row]
        symbol = n_symbols - 1
        residual = 0
        if n_specials > 0 and cell >= specials[0]:
            at = last_at_most(specials, n_specials, cell)
            if specials[at] == cell:
                symbol = at
        elif -LARGEST < cell < LARGEST:
            residual = cell - start
            if edges[0] <= residual < edges[n_bins]:
                symbol = n_specials + last_at_most(edges, n_bins + 1, residual)
            last = cell
        leaf = leaf_of(features, n, row, own, feature, threshold, child)
        put_symbol(state, out, counts, totals, leaf, n_symbols, symbol)
        own = symbol
        if symbol == n_symbols - 1:
            for shift in (48, 32, 16, 0):
                put_equal(state, out, (cell >> shift) & (WORD - 1), WORD)
        elif symbol >= n_specials:
            low = edges[symbol - n_specials]
            put_equal(state, out, residual - low, edges[symbol - n_specials + 1] - low)
    return flush(state, out)


@compiled
def decode_rows(
    content: Any, cells: Any, base: Any, first: Any, by_previous: bool, features: Any, feature: Any, threshold: Any,
    child: Any, counts: Any, totals: Any, specials: Any, edges: Any, state: Any,
) -> int:  # fmt: skip
    """Read what `encode_rows` wrote, into `cells`; the other arguments are its.

    Returns:
        How many bytes the decoder has asked for, with the six that it looks ahead.
    """
    n, n_specials, n_bins, n_bytes = len(cells), len(specials), len(edges) - 1, len(content)
    n_symbols = n_specials + n_bins + 1
    fill(state, content, n_bytes)
    own, last = NONE, base[0]
    for row in range(n):
        start = base[row] if len(base) > 1 else base[0]
        if first[row]:
            own, last = NONE, start
        if by_previous:
            start = last
        leaf = leaf_of(features, n, row, own, feature, threshold, child)
        symbol = take_symbol(state, content, n_bytes, counts, totals, leaf, n_symbols)
        own = symbol
        if symbol == n_symbols - 1:
            cell = take_equal(state, content, n_bytes, WORD)
            cell = cell - WORD if cell >= WORD // 2 else cell
            for _ in range(3):
                cell = cell * WORD + take_equal(state, content, n_bytes, WORD)
            if -LARGEST < cell < LARGEST and (n_specials == 0 or cell < specials[0]):
                last = cell
        elif symbol >= n_specials:
            low = edges[symbol - n_specials]
            cell = start + low + take_equal(state, content, n_bytes, edges[symbol - n_specials + 1] - low)
            last = cell
        else:
            cell = specials[symbol]
        cells[row] = cell
    return state[AT]
