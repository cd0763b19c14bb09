"""A range coder of 48 bits, its carries written back into the bytes; and the adaptive counts that it codes under.

Source: G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979). All
numbers are integers below 2^63, so that compiled code and Python do the same. What a coder is at is three numbers that
its functions take and return, for the compiler to keep in registers: an encoder's low end, a decoder's code; the range;
the place in the bytes.
"""

from __future__ import annotations

from typing import Any

from atlas_keras.codec.columns.compiled import compiled, inlined, place, quotient

TOP = 1 << 48
BOTTOM = 1 << 32
BELOW = BOTTOM - 1
LAST = 6  # bytes that a decoder has read ahead

UNIT = 32  # what a symbol adds to its count
MAX_TOTAL = 1 << 20  # of the counts of a leaf; they are halved beyond
GROUP = 8  # symbols whose counts have a sum of their own
BITS, WORD = 16, 1 << 16  # a wider choice between equals is coded in parts


@compiled
def carry(out: Any, at: int) -> None:
    """Add one to the bytes before a place."""
    at -= 1
    while out[at] == 255:
        out[at] = 0
        at -= 1
    out[at] += 1


@inlined
def put(low: int, size: int, at: int, out: Any, start: int, width: int, step: int) -> tuple[int, int, int]:
    """Write a choice: `width` steps of the range from step `start` on."""
    low += start * step
    size = width * step
    if low >= TOP:
        low -= TOP
        carry(out, at)
    while size < BOTTOM:
        out[place(at)] = low >> 40
        out[place(at + 1)] = (low >> 32) & 255
        at += 2
        low = (low & BELOW) << 16
        size <<= 16
    return low, size, at


@compiled
def flush(low: int, size: int, at: int, out: Any) -> int:
    """Write as few bytes as tell the last choices apart; the decoder reads zeros behind the end."""
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
        value = (value & ((1 << 40) - 1)) << 8
    while at > 0 and out[at - 1] == 0:
        at -= 1
    return at


@inlined
def byte_of(content: Any, n: int, at: int) -> int:
    """Return a byte as an integer, 0 behind the end."""
    return content[place(at)] & 255 if at < n else 0


@compiled
def fill(content: Any, n: int) -> int:
    """Read the first bytes: a decoder's code."""
    code = 0
    for at in range(LAST):
        code = (code << 8) + byte_of(content, n, at)
    return code


@inlined
def take(code: int, size: int, at: int, content: Any, n: int) -> tuple[int, int, int]:
    """Go on behind a choice, with what is left of the code in the range that was chosen."""
    if code >= size:  # of damaged content only
        code = size - 1
    while size < BOTTOM:
        code = (code << 16) + (byte_of(content, n, at) << 8) + byte_of(content, n, at + 1)
        at += 2
        size <<= 16
    return code, size, at


@inlined
def put_equal(low: int, size: int, at: int, out: Any, value: int, width: int) -> tuple[int, int, int]:
    """Write a number below `width`, all equally likely; `width` is at most 2^48."""
    shift, top = parts_of(width)
    while shift:
        low, size, at = put(low, size, at, out, value >> shift, 1, quotient(size, top))
        shift -= BITS
        value &= (WORD << shift) - 1
        top = WORD
    return put(low, size, at, out, value, 1, quotient(size, top))


@inlined
def parts_of(width: int) -> tuple[int, int]:
    """Return how many bits follow the first part of a number below `width`, and what that part is below of."""
    if width <= WORD:
        return 0, width
    shift = BITS
    while width > WORD << shift:
        shift += BITS
    return shift, ((width - 1) >> shift) + 1


@inlined
def take_equal(code: int, size: int, at: int, content: Any, n: int, width: int) -> tuple[int, int, int, int]:
    """Read what `put_equal` wrote: the number comes first."""
    shift, top = parts_of(width)
    value = 0
    while True:
        step = quotient(size, top)
        part = min(quotient(code, step), top - 1)
        value = (value << BITS) + part
        code, size, at = take(code - part * step, step, at, content, n)
        if shift == 0:
            return value, code, size, at
        shift -= BITS
        top = WORD


@inlined
def put_symbol(
    low: int, size: int, at: int, out: Any, counts: Any, leaf: int, width: int, symbol: int
) -> tuple[int, int, int]:
    """Write a symbol under the counts of a leaf, and count it; arguments as of `take_symbol`."""
    sums = leaf * width
    own = sums + 1 + (width - 1) // (GROUP + 1)
    group = symbol // GROUP
    first, inside = own + group * GROUP, symbol - group * GROUP
    start = 0  # all are looked at, as to stop at the right one is what a processor cannot foresee
    for g in range(own - sums - 1):
        start += counts[place(sums + 1 + g)] if g < group else 0
    for s in range(GROUP):
        start += counts[place(first + s)] if s < inside else 0
    step = quotient(size, counts[place(sums)])
    low, size, at = put(low, size, at, out, start, counts[place(own + symbol)], step)
    count(counts, sums, own, symbol)
    return low, size, at


@inlined
def take_symbol(
    code: int, size: int, at: int, content: Any, n: int, counts: Any, leaf: int, width: int
) -> tuple[int, int, int, int]:
    """Read a symbol under the counts of a leaf, and count it; the symbol comes first.

    Args:
        code, size, at: of the decoder.
        content: bytes.
        n: how many.
        counts: of each leaf `width` numbers: the sum of all its counts, the sums of groups, and the counts, with zeros
            to the end of the last group.
        leaf: its number.
        width: 1 + 9 times the number of groups.
    """
    sums = leaf * width
    own = sums + 1 + (width - 1) // (GROUP + 1)
    whole = counts[place(sums)]
    step = quotient(size, whole)
    code = min(code, whole * step - 1)  # it is beyond in damaged content only
    total, start, symbol = 0, 0, 0
    for g in range(own - sums - 2):
        total += counts[place(sums + 1 + g)]
        if total * step <= code:
            start, symbol = total, (g + 1) * GROUP
    total, first = start, own + symbol
    for s in range(GROUP - 1):
        total += counts[place(first + s)]
        if total * step <= code:
            start, symbol = total, symbol + 1
    code, size, at = take(code - start * step, counts[place(own + symbol)] * step, at, content, n)
    count(counts, sums, own, symbol)
    return symbol, code, size, at


@inlined
def count(counts: Any, sums: int, own: int, symbol: int) -> None:
    """Count a symbol; halve the counts of a leaf that has many."""
    counts[place(own + symbol)] += UNIT
    counts[place(sums + 1 + symbol // GROUP)] += UNIT
    counts[place(sums)] += UNIT
    if counts[place(sums)] > MAX_TOTAL:
        halve(counts, sums, own)


@compiled
def halve(counts: Any, sums: int, own: int) -> None:
    """Halve all counts of a leaf, none of them to zero."""
    counts[sums] = 0
    for group in range(own - sums - 1):
        total = 0
        for s in range(own + group * GROUP, own + (group + 1) * GROUP):
            counts[s] = (counts[s] + 1) // 2
            total += counts[s]
        counts[sums + 1 + group] = total
        counts[sums] += total
