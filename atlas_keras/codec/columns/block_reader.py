"""Read leaves of a block, each once, with those that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader
from atlas_keras.codec.columns.blocks import (
    LEARNED,
    MAX_ROWS,
    PACKED,
    Values,
    formula_of,
    leaf_under,
    rows_under,
    unpack_cells,
)
from atlas_keras.codec.columns.features import Rows
from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.packing import unpack_bytes
from atlas_keras.codec.columns.plan import LeafPlan
from atlas_keras.errors import JetDataError


class BlockReader:
    """Reads leaves of a block, each once, with those that it depends on.

    Args:
        plans: of all leaves.
        n_events: of the block.
        stream: the bytes of a leaf.
    """

    def __init__(self, plans: Sequence[LeafPlan], n_events: int, stream: Callable[[int], bytes]) -> None:
        self.plans, self.n_events, self.stream = plans, n_events, stream
        self._found: dict[int, Future[Values]] = {}
        self._known: dict[tuple[str, int], Known] = {}
        self._same: dict[int, int] = {}  # leaves of lengths, and the first that is equal

    def read(self, leaves: Iterable[int], pool: Executor) -> list[NDArray]:
        """Return the values of leaves.

        Raises:
            JetDataError: a damaged block.
        """
        leaves = list(leaves)
        for at in sorted(needed(self.plans, leaves) - set(self._found)):  # a leaf depends on earlier ones alone
            self._found[at] = pool.submit(self._decode, at, self.stream(at))
        return [self._found[at].result().values for at in leaves]

    def _leaf(self, at: int) -> Values:
        return self._found[at].result()

    def _known_of(self, at: int) -> Known:
        """Return what is known of the rows of a leaf, the same for all that have the same."""
        plan, parent = self.plans[at], self.plans[at].leaf.parent
        if parent < 0:
            key, rows = ("", -1), Rows(np.array([self.n_events]))
        else:
            counts, role = self._leaf(parent).values, self.plans[parent].leaf.role  # which tells what it is the same as
            key, rows = (role, self._same.get(parent, parent)), rows_under(self.plans[parent], counts)
            if role == "counts" and (counts.min(initial=0) < 0 or counts.max(initial=0) > MAX_ROWS):
                raise JetDataError(f"column {plan.leaf.column} has lists of impossible lengths")
        if rows.n > MAX_ROWS:
            raise JetDataError(f"column {plan.leaf.column} claims {rows.n:,} values in a block")
        return self._known.setdefault(key, Known(rows, leaf_under(self.plans, at, self._leaf)))

    def _decode(self, at: int, content: bytes) -> Values:
        plan, known = self.plans[at], self._known_of(at)
        rows = known.rows
        verbatim = np.empty(0, plan.leaf.dtype)
        if not content:
            if plan.same_as >= 0 and rows.n:
                cells = self._leaf(plan.same_as).cells
                self._same[at] = self._same.get(plan.same_as, plan.same_as)
                if len(cells) != rows.n:
                    raise JetDataError(f"column {plan.leaf.column} is said to equal one with other rows")
            else:
                cells = np.full(rows.n, plan.usual)
        else:
            reader = ByteReader(content)
            has_verbatim, way = divmod(reader.number(7), 4)
            if has_verbatim:
                most = rows.n * verbatim.itemsize
                verbatim = _from_planes(unpack_bytes(reader.chunk(), most), verbatim.dtype)
            if way == LEARNED and plan.learned is not None:
                cells = plan.learned.decode(reader.rest(), known)
            elif way == PACKED:
                cells = unpack_cells(reader.rest(), rows.n, plan)
            else:
                raise JetDataError(f"column {plan.leaf.column} is coded in no known way")
        return Values(cells, verbatim, plan.quantizer.decode(cells, verbatim, formula_of(plan, rows.n, self._leaf)))


def needed(plans: Sequence[LeafPlan], leaves: Iterable[int]) -> set[int]:
    """Return leaves, and those that have to be decoded before them."""
    found: set[int] = set()
    todo = list(leaves)
    while todo:
        at = todo.pop()
        if at < 0 or at in found:
            continue
        found.add(at)
        plan = plans[at]
        used = () if plan.learned is None else plan.learned.leaves
        todo += [plan.leaf.parent, plan.same_as, *plan.formula, *used]
    return found


def _from_planes(content: bytes, dtype: np.dtype) -> NDArray:
    if len(content) % dtype.itemsize:
        raise JetDataError("verbatim values end too early")
    planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, -1)
    return np.ascontiguousarray(planes.T).view(dtype).ravel()
