"""A range coder of 48 bits, its carries written back into the bytes; and the adaptive counts that it codes under.

Source: G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979). All
numbers are integers below 2^63, so that compiled code and Python do the same.
"""

from __future__ import annotations

from typing import Any

from atlas_keras.codec.columns.compiled import compiled

TOP = 1 << 48
BOTTOM = 1 << 40
BELOW = BOTTOM - 1
LOW, RANGE, AT = 0, 1, 2  # of the state of an encoder
CODE = 0  # of the state of a decoder, in place of LOW

UNIT = 32  # what a symbol adds to its count
MAX_TOTAL = 1 << 20  # of the counts of a leaf; they are halved beyond
PART = 1 << 24  # a wider choice between equals is coded in two parts


@compiled
def carry(out: Any, at: int) -> None:
    """Add one to the bytes before a place."""
    at -= 1
    while out[at] == 255:
        out[at] = 0
        at -= 1
    out[at] += 1


@compiled
def put(state: Any, out: Any, start: int, width: int, total: int) -> None:
    """Write a choice: `width` of `total` from `start` on."""
    step = state[RANGE] // total
    low = state[LOW] + start * step
    size = width * step
    at = state[AT]
    if low >= TOP:
        low -= TOP
        carry(out, at)
    while size < BOTTOM:
        out[at] = low >> 40
        at += 1
        low = (low & BELOW) << 8
        size <<= 8
    state[LOW] = low
    state[RANGE] = size
    state[AT] = at


@compiled
def flush(state: Any, out: Any) -> int:
    """Write as few bytes as tell the last choices apart; the decoder reads zeros behind the end."""
    low, size, at = state[LOW], state[RANGE], state[AT]
    for n in range(7):
        unit = 1 << (48 - 8 * n)
        value = (low + unit - 1) // unit * unit
        if value < low + size:
            break
    if value >= TOP:
        value -= TOP
        carry(out, at)
    for _ in range(n):
        out[at] = value >> 40
        at += 1
        value = (value & BELOW) << 8
    while at > 0 and out[at - 1] == 0:
        at -= 1
    return at


@compiled
def fill(state: Any, content: Any, n: int) -> None:
    """Read the first bytes into a decoder's state."""
    code = 0
    for at in range(6):
        code = code << 8
        if at < n:
            code += content[at]
    state[CODE] = code
    state[RANGE] = TOP
    state[AT] = 6


@compiled
def choice(state: Any, total: int) -> int:
    """Tell which of `total` is meant; `take` goes on behind it. What no encoder wrote gives the last one."""
    value = state[CODE] // (state[RANGE] // total)
    return min(value, total - 1)


@compiled
def take(state: Any, content: Any, n: int, start: int, width: int, total: int) -> None:
    """Go on behind a choice."""
    step = state[RANGE] // total
    code = state[CODE] - start * step
    size = width * step
    if code >= size:  # of damaged content only
        code = size - 1
    at = state[AT]
    while size < BOTTOM:
        code = code << 8
        if at < n:
            code += content[at]
        at += 1
        size <<= 8
    state[CODE] = code
    state[RANGE] = size
    state[AT] = at


@compiled
def put_equal(state: Any, out: Any, value: int, width: int) -> None:
    """Write a number below `width`, all equally likely; `width` is at most 2^48."""
    if width > PART:
        put_equal_part(state, out, value // PART, (width - 1) // PART + 1)
        put_equal_part(state, out, value % PART, PART)
    else:
        put_equal_part(state, out, value, width)


@compiled
def put_equal_part(state: Any, out: Any, value: int, width: int) -> None:
    """Write a number below `width`, at most 2^24."""
    if width > 1:
        put(state, out, value, 1, width)


@compiled
def take_equal(state: Any, content: Any, n: int, width: int) -> int:
    """Read what `put_equal` wrote."""
    if width > PART:
        high = take_equal_part(state, content, n, (width - 1) // PART + 1)
        return high * PART + take_equal_part(state, content, n, PART)
    return take_equal_part(state, content, n, width)


@compiled
def take_equal_part(state: Any, content: Any, n: int, width: int) -> int:
    """Read what `put_equal_part` wrote."""
    if width <= 1:
        return 0
    value = choice(state, width)
    take(state, content, n, value, 1, width)
    return value


@compiled
def put_symbol(state: Any, out: Any, counts: Any, totals: Any, leaf: int, n_symbols: int, symbol: int) -> None:
    """Write a symbol under the counts of a leaf, and count it."""
    at = leaf * n_symbols
    start = 0
    for s in range(symbol):
        start += counts[at + s]
    put(state, out, start, counts[at + symbol], totals[leaf])
    count(counts, totals, leaf, n_symbols, symbol)


@compiled
def take_symbol(state: Any, content: Any, n: int, counts: Any, totals: Any, leaf: int, n_symbols: int) -> int:
    """Read a symbol under the counts of a leaf, and count it."""
    at = leaf * n_symbols
    value = choice(state, totals[leaf])
    symbol = 0
    start = 0
    while start + counts[at + symbol] <= value:
        start += counts[at + symbol]
        symbol += 1
    take(state, content, n, start, counts[at + symbol], totals[leaf])
    count(counts, totals, leaf, n_symbols, symbol)
    return symbol


@compiled
def count(counts: Any, totals: Any, leaf: int, n_symbols: int, symbol: int) -> None:
    """Count a symbol; halve the counts of a leaf that has many."""
    at = leaf * n_symbols
    counts[at + symbol] += UNIT
    totals[leaf] += UNIT
    if totals[leaf] > MAX_TOTAL:
        total = 0
        for s in range(at, at + n_symbols):
            counts[s] = (counts[s] + 1) // 2
            total += counts[s]
        totals[leaf] = total
