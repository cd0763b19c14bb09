"""Make the plan of a file from its first block: grids, what is always equal, and what can be learned and pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.blocks import Tables, Values, for_each_row, pack_cells
from atlas_keras.codec.columns.compiled import COMPILES
from atlas_keras.codec.columns.features import FIRST_LEAF, LEFT, RANK, Candidate, Rows
from atlas_keras.codec.columns.fitting import Offer, fit_column
from atlas_keras.codec.columns.layout import Leaf
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.plan import EXACT, LeafPlan, usable_plans
from atlas_keras.codec.columns.quantizer import Quantizer
from atlas_keras.schema import Bound

SAMPLE = 30_000  # rows of a leaf that are learned from
EVENT_CANDIDATES = 40  # columns of the events that those of lists may be learned from
OFFERED = 60  # columns before one that it may be predicted from
CANDIDATES = 400  # columns before one that its tree may be offered


def plan_leaves(
    leaves: Sequence[Leaf],
    values: Sequence[NDArray],
    bounds: Mapping[str, Bound],
    n_events: int,
    n_all: int,
    jobs: int,
    model: Mapping[str, LeafPlan] | None = None,
    *,
    warm: bool = False,
) -> tuple[LeafPlan, ...]:
    """Plan all leaves.

    Args:
        leaves: of the file.
        values: of each leaf in the first block.
        bounds: of the leaves that hold values, by name.
        n_events: of the block.
        n_all: of the file.
        jobs: number of threads.
        model: what has been learned of leaves from other files, by their names.
        warm: keep how often symbols were met, for other files to begin with.
    """
    known = usable_plans(model or {}, leaves)

    def grid(leaf: Leaf, x: NDArray) -> LeafPlan:
        bound = bounds[leaf.name] if leaf.role == "values" else EXACT
        if leaf.name in known and known[leaf.name].bound == bound:
            return replace(known[leaf.name], leaf=leaf, is_external=True)
        return LeafPlan(leaf, bound, Quantizer.fit(x[:SAMPLE], bound))

    with ThreadPoolExecutor(jobs) as pool:
        plans = list(pool.map(grid, leaves, values))
        quantized = list(pool.map(Values.of, plans, values))
        tables = Tables.find(plans, [q.values for q in quantized], n_events)
        plans = _usual(plans, quantized, tables)
        features = _Features(plans, quantized, tables)

        def learn(at: int) -> LeafPlan:
            return _learned(plans[at], at, quantized[at], features, n_all / max(n_events, 1), warm=warm)

        return tuple(pool.map(learn, range(len(plans))) if COMPILES else plans)


def _usual(plans: Sequence[LeafPlan], quantized: Sequence[Values], tables: Tables) -> list[LeafPlan]:
    """Find leaves that are always the same, or equal to an earlier one."""
    seen: dict[tuple, int] = {}
    result = []
    for at, (plan, own) in enumerate(zip(plans, quantized, strict=True)):
        if not len(own.cells) or (not len(own.verbatim) and np.all(own.cells == own.cells[0])):
            result.append(replace(plan, usual=int(own.cells[0]) if len(own.cells) else 0))
            continue
        kind = plan.quantizer.kind == "integers" or (plan.quantizer, own.verbatim.tobytes())
        first = seen.setdefault((tables.of[at], kind, own.cells.tobytes()), at)
        result.append(plan if first == at or len(own.verbatim) else replace(plan, same_as=first))
    return result


class _Features:
    """What each leaf may be learned from: earlier leaves with the same rows, or of the events; in the first rows."""

    def __init__(self, plans: Sequence[LeafPlan], quantized: Sequence[Values], tables: Tables) -> None:
        self.plans, self.quantized, self.tables = plans, quantized, tables
        self.rows = {table: _part(rows) for table, rows in tables.rows.items()}
        self.candidates: dict[int, list[Candidate]] = {}
        self.offers: dict[int, list[Offer]] = {}
        for table, rows in self.rows.items():
            self.candidates[table] = [Candidate(RANK, rows.rank), Candidate(LEFT, rows.left)] if table >= 0 else []
            self.offers[table] = [
                (c.number, "integers", c.values, np.ones(len(c.values), bool)) for c in self.candidates[table]
            ]
        varying = []
        for at, (plan, own) in enumerate(zip(plans, quantized, strict=True)):
            varies = len(own.cells) > 1 and np.any(own.cells != own.cells[0])
            if varies and plan.same_as < 0 and plan.leaf.role != "bytes":
                varying.append(at)
                self._add(tables.of[at], at)
        events = [at for at in varying if tables.of[at] == -1 and plans[at].leaf.dtype != "bool"][:EVENT_CANDIDATES]
        for table in self.rows:
            if table >= 0 and self.rows[table].n:
                for at in events:
                    self._add(table, at)

    def _add(self, table: int, at: int) -> None:
        """Offer a leaf to those of a table."""
        rows, plan, own = self.rows[table], self.plans[at], self.quantized[at]
        values, usable = own.values, plan.quantizer.usable(own.cells)
        if self.tables.of[at] != table:
            under = next(k for k, plan in enumerate(self.plans) if plan.leaf.parent == table)
            values, usable = (for_each_row(self.plans, under, x, self.quantized.__getitem__) for x in (values, usable))
        values, usable = values[: rows.n], usable[: rows.n]
        self.candidates[table].append(Candidate(FIRST_LEAF + at, features_of(values)))
        self.offers[table].append((FIRST_LEAF + at, plan.quantizer.kind, values, usable))

    def before(self, at: int) -> list[Candidate]:
        """Return the features of a leaf."""
        return [c for c in self.candidates[self.tables.of[at]] if c.number < FIRST_LEAF + at][-CANDIDATES:]

    def offered(self, at: int) -> list[Offer]:
        """Return what a leaf may be predicted from."""
        return [offer for offer in self.offers[self.tables.of[at]] if offer[0] < FIRST_LEAF + at][-OFFERED:]


def _part(rows: Rows) -> Rows:
    """Return the first lists that have some 30,000 rows together."""
    if len(rows.counts) == 1:
        return Rows(np.minimum(rows.counts, SAMPLE))
    ends = np.cumsum(rows.counts)
    return Rows(rows.counts[: max(int(np.searchsorted(ends, SAMPLE, side="right")), 1)])


def _learned(plan: LeafPlan, at: int, own: Values, features: _Features, more: float, *, warm: bool) -> LeafPlan:
    """Learn a leaf, if that pays: against packed cells, with the size of what is learned."""
    rows = features.rows[features.tables.of[at]]
    cells = own.cells[: rows.n]
    if plan.is_external:
        return plan if plan.same_as < 0 else replace(plan, learned=None, is_external=False)
    is_constant = not len(own.verbatim) and (not len(cells) or np.all(own.cells == own.cells[0]))
    if is_constant or plan.same_as >= 0 or plan.leaf.role == "bytes":
        return plan
    weight = more * len(own.cells) / len(cells)
    found = fit_column(
        cells, plan.quantizer.specials, rows, features.before(at), features.offered(at), weight, warm=warm
    )
    if math.ceil(found[1] / 8) >= len(pack_cells(cells, plan)):
        return plan
    return replace(plan, learned=found[0])
