"""Make the plan of a file from its first block: grids, what is always equal, and what can be learned and pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.blocks import Tables, Values, pack_cells
from atlas_keras.codec.columns.compiled import COMPILES
from atlas_keras.codec.columns.features import FIRST_LEAF, LEFT, RANK, Candidate, Rows
from atlas_keras.codec.columns.layout import Leaf
from atlas_keras.codec.columns.learned import Offer, fit_column
from atlas_keras.codec.columns.linear import usable_cells
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.plan import EXACT, LeafPlan, usable_plans
from atlas_keras.codec.columns.quantizer import Quantizer
from atlas_keras.schema import Bound

SAMPLE = 30_000  # rows of a leaf that are learned from
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
            plan = _learned(plans[at], at, quantized[at], features, n_all / max(n_events, 1))
            return plan if warm or plan.is_external else _cold(plan)

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
    """What each leaf may be learned from: earlier leaves with the same rows, in the first rows of the block."""

    def __init__(self, plans: Sequence[LeafPlan], quantized: Sequence[Values], tables: Tables) -> None:
        self.tables = tables
        self.rows = {table: _part(rows) for table, rows in tables.rows.items()}
        self.places = {
            table: [Candidate(RANK, rows.rank), Candidate(LEFT, rows.left)] if table >= 0 else []
            for table, rows in self.rows.items()
        }
        self.of_table: dict[int, list[Candidate]] = {table: [] for table in self.rows}
        self.offers: dict[int, list[Offer]] = {
            table: [(c.number, "integers", c.values, np.ones(len(c.values), bool)) for c in found]
            for table, found in self.places.items()
        }
        for at, (plan, own) in enumerate(zip(plans, quantized, strict=True)):
            table = tables.of[at]
            varies = len(own.cells) > 1 and np.any(own.cells != own.cells[0])
            if varies and plan.same_as < 0 and plan.leaf.role != "bytes":
                values = own.values[: self.rows[table].n]
                number = FIRST_LEAF + at
                self.of_table[table].append(Candidate(number, features_of(values)))
                usable = usable_cells(own.cells[: len(values)])
                self.offers[table].append((number, plan.quantizer.kind, values, usable))

    def before(self, at: int) -> list[Candidate]:
        """Return the features of a leaf."""
        table = self.tables.of[at]
        earlier = [c for c in self.of_table[table] if c.number < FIRST_LEAF + at]
        return [*self.places[table], *earlier[-CANDIDATES:]]

    def offered(self, at: int) -> list[Offer]:
        """Return what a leaf may be predicted from."""
        earlier = [offer for offer in self.offers[self.tables.of[at]] if offer[0] < FIRST_LEAF + at]
        return earlier[-OFFERED:]


def _part(rows: Rows) -> Rows:
    """Return the first lists that have some 30,000 rows together."""
    if len(rows.counts) == 1:
        return Rows(np.minimum(rows.counts, SAMPLE))
    ends = np.cumsum(rows.counts)
    return Rows(rows.counts[: max(int(np.searchsorted(ends, SAMPLE, side="right")), 1)])


def _learned(plan: LeafPlan, at: int, own: Values, features: _Features, more: float) -> LeafPlan:
    """Learn a leaf, if that pays: against packed cells, with the size of what is learned."""
    rows = features.rows[features.tables.of[at]]
    cells = own.cells[: rows.n]
    if plan.is_external:
        return plan if plan.same_as < 0 else replace(plan, learned=None, is_external=False)
    is_constant = not len(own.verbatim) and (not len(cells) or np.all(own.cells == own.cells[0]))
    if is_constant or plan.same_as >= 0 or plan.leaf.role == "bytes":
        return plan
    weight = more * len(own.cells) / len(cells)
    found = fit_column(cells, plan.quantizer.specials, rows, features.before(at), features.offered(at), weight)
    if math.ceil(found[1] / 8) >= len(pack_cells(cells, plan)):
        return plan
    return replace(plan, learned=found[0])


def _cold(plan: LeafPlan) -> LeafPlan:
    """Leave out the counts: leaves begin with the prior, which is much smaller than they are."""
    return plan if plan.learned is None else replace(plan, learned=replace(plan.learned, counts=None))
