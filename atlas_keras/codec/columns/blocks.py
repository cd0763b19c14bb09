"""A block of events: from the leaves of its columns to streams and back, many columns at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.features import Rows
from atlas_keras.codec.columns.known import Feature, Known
from atlas_keras.codec.columns.momenta import energy_of
from atlas_keras.codec.columns.packing import estimate, pack, pack_bytes, unpack
from atlas_keras.codec.columns.plan import LeafPlan
from atlas_keras.codec.columns.quantizer import ONE
from atlas_keras.errors import JetDataError, RunError

Int = NDArray[np.int64]
USUAL, SAME, LEARNED, PACKED = range(4)  # how a stream begins; with 4 added, verbatim values follow
MAX_ROWS = 1 << 26  # of a leaf in a block
EMPTY = b""
WORTH = 1.1  # an estimate of the packed bytes above so many times the learned ones, but for a few: packing is not tried
FEW = 16  # bytes
GLANCE = 1 << 12  # cells that the estimate is made of


@dataclass
class Values:
    """The values of a leaf in a block.

    Args:
        cells: of the quantizer.
        verbatim: values that are stored as bits of their own, in order.
        values: as they come back.
    """

    cells: Int
    verbatim: NDArray
    values: NDArray

    @classmethod
    def of(cls, plan: LeafPlan, values: NDArray, formula: NDArray[np.float64] = ONE) -> Values:
        """Quantize values; `formula` is what the formula of the leaf gives for them."""
        return cls(*plan.quantizer.encode(values, plan.bound, formula))


@dataclass(frozen=True)
class Tables:
    """Which leaves of a block have the same rows.

    Args:
        of: for each leaf the leaf whose lists its rows are in, -1 for the events; of equal ones always the first.
        rows: for each of these.
    """

    of: list[int]
    rows: dict[int, Rows]

    @classmethod
    def find(cls, plans: Sequence[LeafPlan], leaves: Sequence[NDArray], n_events: int) -> Tables:
        """Compare the lengths of all lists of a block.

        Args:
            plans: of all leaves.
            leaves: their values.
            n_events: of the block.
        """
        tables: list[int] = []
        rows = {-1: Rows(np.array([n_events]))}
        seen: dict[tuple[int, bytes], int] = {}
        first: dict[int, int] = {-1: -1}  # of a leaf of lengths: the first that is equal
        for at, plan in enumerate(plans):
            table = first[plan.leaf.parent]
            tables.append(table)
            if plan.leaf.role in ("counts", "valid"):
                counts = leaves[at].astype(np.int64)
                first[at] = seen.setdefault((table, plan.leaf.role.encode() + counts.tobytes()), at)
                if first[at] == at:
                    rows[at] = rows_under(plan, leaves[at])
        return cls(tables, rows)


def rows_under(plan: LeafPlan, values: NDArray) -> Rows:
    """Return the rows of what stands below a leaf of lengths, or of bools that say what is there."""
    return Rows(values.astype(np.int64) if plan.leaf.role == "counts" else np.array([int(values.sum())]))


def quantize(plans: Sequence[LeafPlan], leaves: Sequence[NDArray], pool: Executor) -> list[Values]:
    """Quantize the leaves of a block: those that follow from a formula when the others have their values.

    Args:
        plans: of all leaves.
        leaves: their values.
        pool: of threads.
    """
    found: dict[int, Values] = {}

    def one(at: int) -> Values:
        return Values.of(plans[at], leaves[at], formula_of(plans[at], len(leaves[at]), found.__getitem__))

    for later in (False, True):
        these = [at for at, plan in enumerate(plans) if bool(plan.formula) is later]
        found.update(zip(these, pool.map(one, these), strict=True))
    return [found[at] for at in range(len(plans))]


def formula_of(plan: LeafPlan, n: int, leaf: Callable[[int], Values]) -> NDArray[np.float64]:
    """Return what the formula of a leaf gives for its rows: 1 where it has none, or not the same rows in this block."""
    sources = [leaf(at).values for at in plan.formula]
    return energy_of(sources) if sources and all(len(values) == n for values in sources) else ONE


def encode_block(plans: Sequence[LeafPlan], quantized: Sequence[Values], n_events: int, pool: Executor) -> list[bytes]:
    """Code a block, decode it again, and return a stream for each leaf.

    Args:
        plans: of all leaves.
        quantized: their values.
        n_events: of the block.
        pool: of threads.

    Raises:
        RunError: something does not come back, which is a fault of this package.
    """
    tables = Tables.find(plans, [q.values for q in quantized], n_events)
    known = {
        table: Known(rows, leaf_under(plans, tables.of.index(table), quantized.__getitem__))
        for table, rows in tables.rows.items()
        if table in tables.of
    }

    def encode(at: int) -> bytes:
        return _encode_leaf(plans, at, quantized, tables, known)

    return list(pool.map(encode, range(len(plans))))


def _encode_leaf(
    plans: Sequence[LeafPlan], at: int, quantized: Sequence[Values], tables: Tables, known: dict[int, Known]
) -> bytes:
    plan, own = plans[at], quantized[at]
    if len(own.cells) > MAX_ROWS:
        raise JetDataError(f"column {plan.leaf.column} has {len(own.cells):,} values in a block; blocks are smaller")
    if not len(own.cells):
        return EMPTY
    same = plan.same_as
    if same >= 0 and tables.of[same] == tables.of[at] and np.array_equal(quantized[same].cells, own.cells):
        return EMPTY
    if same < 0 and not len(own.verbatim) and np.all(own.cells == plan.usual):
        return EMPTY
    writer = ByteWriter()
    verbatim = pack_bytes(_planes(own.verbatim)) if len(own.verbatim) else None
    way, content = _coded(plan, own.cells, known[tables.of[at]] if _is_learned(plan, at, tables) else None)
    writer.number(way + (4 if verbatim is not None else 0))
    if verbatim is not None:
        writer.chunk(verbatim)
    return bytes(writer.content) + content


def _is_learned(plan: LeafPlan, at: int, tables: Tables) -> bool:
    """Tell whether a leaf is learned, and what the model looks at has the same rows in this block."""
    return plan.learned is not None and all(tables.of[k] in (tables.of[at], -1) for k in plan.learned.leaves)


def _coded(plan: LeafPlan, cells: Int, known: Known | None) -> tuple[int, bytes]:
    """Code cells as learned, or packed where that is smaller: a block may be unlike those that were learned from.

    Args:
        plan: of the leaf.
        cells: shape `(n,)`.
        known: of its rows; None where it is not learned.
    """
    learned = None
    if known is not None:
        assert plan.learned is not None
        learned = plan.learned.encode(cells, known)
        first = cells[:GLANCE]
        if WORTH * (len(learned) + FEW) < estimate(_codes(first, plan)[1]) * len(cells) / len(first):
            return LEARNED, learned
    packed = pack_cells(cells, plan)
    if learned is not None and len(learned) <= len(packed):
        return LEARNED, learned
    if not np.array_equal(unpack_cells(packed, len(cells), plan), cells):
        raise RunError(f"column {plan.leaf.column} does not come back from its code; please report this")
    return PACKED, packed


def leaf_under(plans: Sequence[LeafPlan], at: int, leaf: Callable[[int], Values]) -> Callable[[int], Feature]:
    """Return what tells the values of leaves, those of an event for each row of its lists; and which are no spikes.

    Args:
        plans: of all leaves.
        at: a leaf that has the rows.
        leaf: what an earlier leaf holds.
    """

    def feature(other: int) -> Feature:
        found, plan = leaf(other), plans[other]
        usable = plan.quantizer.usable(found.cells)
        if plan.leaf.parent >= 0:
            return found.values, usable
        return for_each_row(plans, at, found.values, leaf), for_each_row(plans, at, usable, leaf)

    return feature


def for_each_row(plans: Sequence[LeafPlan], at: int, values: NDArray, leaf: Callable[[int], Values]) -> NDArray:
    """Repeat values of the events for each row that a leaf has of them.

    Args:
        plans: of all leaves.
        at: the leaf.
        values: of the events.
        leaf: what an earlier leaf holds.

    Raises:
        JetDataError: another number of values than there are events.
    """
    parent = plans[at].leaf.parent
    if parent < 0:
        return values
    above, own = for_each_row(plans, parent, values, leaf), leaf(parent).values
    if len(above) != len(own):
        raise JetDataError(f"column {plans[at].leaf.column} depends on one with other rows")
    return above[own] if plans[parent].leaf.role == "valid" else np.repeat(above, own)


def pack_cells(cells: Int, plan: LeafPlan) -> bytes:
    """Pack cells as they are: specials first, then the others from the smallest on."""
    low, codes = _codes(cells, plan)
    writer = ByteWriter()
    writer.signed(low)
    return bytes(writer.content) + pack(codes)


def _codes(cells: Int, plan: LeafPlan) -> tuple[int, NDArray[np.uint64]]:
    """Return the smallest regular cell, and numbers from 0 on in the place of all cells."""
    specials = plan.quantizer.specials
    special = cells >= specials[0] if len(specials) else np.zeros(len(cells), bool)
    low = int(cells[~special].min(initial=np.iinfo(np.int64).max))
    low = 0 if special.all() else low
    codes = (cells.astype(np.uint64) - np.uint64(low % (1 << 64))) + np.uint64(len(specials))
    if len(specials):
        codes = np.where(special, (cells - specials[0]).astype(np.uint64), codes)
    return low, codes


def packed_size(values: Values, plan: LeafPlan) -> int:
    """Return the bytes that the values of a leaf take, packed."""
    verbatim = len(pack_bytes(_planes(values.verbatim))) if len(values.verbatim) else 0
    return verbatim + len(pack_cells(values.cells, plan))


def unpack_cells(content: bytes, n: int, plan: LeafPlan) -> Int:
    """Read what `pack_cells` wrote.

    Raises:
        JetDataError: content that it does not write.
    """
    reader = ByteReader(content)
    low = reader.signed()
    codes = unpack(reader.rest(), n)
    specials = plan.quantizer.specials
    if not len(specials):
        return (codes + np.uint64(low % (1 << 64))).astype(np.int64)
    cells = (codes - np.uint64(len(specials)) + np.uint64(low % (1 << 64))).astype(np.int64)
    return np.where(codes < len(specials), specials[0] + codes.astype(np.int64), cells)


def _planes(values: NDArray) -> bytes:
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
