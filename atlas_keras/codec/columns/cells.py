"""Cells of 32 bits in the place of floats, in columns of any shape; and the values that no cell can stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.codec.columns.layout import Leaf, Node, UnexpectedNullError, layout_of, leaves_of, take_apart
from atlas_keras.codec.columns.quantizer import SPECIAL, Quantizer
from atlas_keras.errors import JetDataError
from atlas_keras.schema import Bound

KEY = b"atlas_keras.cells"
VERSION = 1
MARKED = 1 << 30  # cells from here on: verbatim, then the spikes; in files of columns SPECIAL


@dataclass(frozen=True)
class Grid:
    """How a leaf of a file becomes cells.

    Args:
        bound: of its values.
        quantizer: of them; of the kinds with a step.
    """

    bound: Bound
    quantizer: Quantizer

    def cells(self, values: NDArray) -> tuple[NDArray[np.int32], NDArray]:
        """Return the cells of values, each within the bound, and the values that are stored as bits of their own."""
        cells, *_ = self.quantizer.encode(values, self.bound)
        cells = np.where((np.abs(cells) >= MARKED) & (cells < SPECIAL), SPECIAL, cells)
        verbatim = values[cells == SPECIAL]
        return np.where(cells >= SPECIAL, cells - SPECIAL + MARKED, cells).astype(np.int32), verbatim

    def values(self, cells: NDArray[np.int32], verbatim: NDArray) -> NDArray:
        """Return the values of cells.

        Raises:
            JetDataError: cells that cannot be.
        """
        wide = cells.astype(np.int64)
        return self.quantizer.decode(np.where(wide >= MARKED, wide - MARKED + SPECIAL, wide), verbatim)

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as JSON can hold it."""
        own = self.quantizer
        base = {"base": own.base} if own.kind == "relative" else {}
        said = {"type": own.dtype, "bound": str(self.bound), "grid": own.kind, "step": own.step, **base}
        return {**said, "spikes": list(own.spikes)}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Grid:
        """Read what `to_dict` wrote; a ValueError, KeyError or TypeError where it is something else."""
        kind, step, spikes = said["grid"], said["step"], tuple(said["spikes"])
        if kind not in ("relative", "absolute", "angle") or type(step) is not float:
            raise ValueError("no grid")
        if not all(type(spike) is int and spike >= 0 for spike in spikes) or list(spikes) != sorted(set(spikes)):
            raise ValueError("no spikes")
        quantizer = Quantizer(kind, said["type"], step, 0, spikes)
        quantizer.check()
        return cls(Bound.parse(said["bound"]), quantizer)


def take_column(name: str, column: pa.ChunkedArray) -> tuple[Node, list[Leaf], list[NDArray]]:
    """Take a column apart: its layout, with room for missing values where there are some, and its leaves."""
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    for nullable in (False, True):
        node = layout_of(array.type, nullable=nullable)
        try:
            return node, leaves_of(name, node, 0), list(take_apart(array, node))
        except UnexpectedNullError:
            continue
    raise AssertionError("a layout with room for missing values has none")


def events_of(leaves: Sequence[Leaf], at: int, arrays: Sequence[NDArray], n_events: int) -> NDArray[np.int64]:
    """Return the event of each value of a leaf."""
    parent = leaves[at].parent
    if parent < 0:
        return np.arange(n_events)
    above = events_of(leaves, parent, arrays, n_events)
    return above[arrays[parent]] if leaves[parent].role == "valid" else np.repeat(above, arrays[parent])


def _retyped(node: Node, leaves: Iterator[Leaf], dtype: Callable[[Leaf], str]) -> Node:
    """Return a layout with other types of its numbers.

    Args:
        node: the layout.
        leaves: of it, in order.
        dtype: of the numbers of a leaf.
    """
    if isinstance(node, str):
        return dtype(next(leaves))
    word, *parts = node
    if word == "struct":
        return [word, parts[0], [_retyped(part, leaves, dtype) for part in parts[1]]]
    next(leaves)
    if word in ("list", "maybe"):
        return [word, _retyped(parts[0], leaves, dtype)]
    if word != "as":
        next(leaves)  # lengths and bytes
    return node


def with_cells(node: Node, leaves: Sequence[Leaf], grids: Mapping[str, Grid]) -> Node:
    """Return the layout of a column whose leaves with a grid hold cells."""
    return _retyped(node, iter(leaves), lambda leaf: "int32" if leaf.name in grids else leaf.dtype)


def with_values(node: Node, leaves: Sequence[Leaf], grids: Mapping[str, Grid]) -> Node:
    """Return the layout of a column of cells, with values in their place.

    Raises:
        JetDataError: a leaf with a grid that holds no cells.
    """
    if any(leaf.name in grids and (leaf.role, leaf.dtype) != ("values", "int32") for leaf in leaves):
        raise JetDataError("a column of cells holds something else")
    return _retyped(
        node, iter(leaves), lambda leaf: grids[leaf.name].quantizer.dtype if leaf.name in grids else leaf.dtype
    )


def bits_as_integers(values: NDArray) -> NDArray[np.int64]:
    """Return the bits of floats, as whole numbers of 64 bits."""
    return values.view(f"i{values.itemsize}").astype(np.int64)


def from_bits(bits: NDArray[np.int64], dtype: str) -> NDArray:
    """Return the floats of a type that have these bits."""
    kind = np.dtype(dtype)
    return bits.astype(f"i{kind.itemsize}").view(kind)


def verbatim_lists(rows: list[NDArray], bits: list[NDArray], n_events: int) -> pa.Array:
    """Return the verbatim values of each event: leaf after leaf, and in each in the order of its values."""
    events = np.concatenate([*rows, np.empty(0, np.int64)])
    order = np.argsort(events, kind="stable")
    offsets = np.append(0, np.cumsum(np.bincount(events, minlength=n_events)))
    values = np.concatenate([*bits, np.empty(0, np.int64)])[order]
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def take_verbatim(rows: list[NDArray], lists: pa.ChunkedArray) -> list[NDArray]:
    """Take the verbatim values of leaves; there may be more of later leaves.

    Args:
        rows: of each leaf, the events of its verbatim values.
        lists: the bits of those of all leaves, a list an event.

    Raises:
        JetDataError: there are fewer than wanted.
    """
    array = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], pa.list_(pa.int64()))
    counts, bits = take_apart(array, ["list", "int64"])
    events = np.concatenate([*rows, np.empty(0, np.int64)])
    order = np.argsort(events, kind="stable")
    needed = np.bincount(events, minlength=len(counts))
    if np.any(needed > counts):
        raise JetDataError("there are fewer verbatim values than cells for them")
    starts = np.cumsum(counts) - counts
    place = np.arange(len(events)) - np.repeat(np.cumsum(needed) - needed, needed)
    found = np.empty(len(events), np.int64)
    found[order] = bits[np.repeat(starts, needed) + place]
    return np.split(found, np.cumsum([len(part) for part in rows])[:-1]) if rows else []
