"""Make the plan of a file from its first block: grids, what is always equal, and what can be learned and pays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.blocks import Tables, Values, formula_of, leaf_under, pack_cells, packed_size
from atlas_keras.codec.columns.compiled import COMPILES
from atlas_keras.codec.columns.features import LEFT, RANK, Candidate, Rows, feature_of
from atlas_keras.codec.columns.fitting import fit_column
from atlas_keras.codec.columns.known import Feature, Known
from atlas_keras.codec.columns.layout import Leaf
from atlas_keras.codec.columns.linear_fitting import Offer
from atlas_keras.codec.columns.momenta import Momenta
from atlas_keras.codec.columns.plan import EXACT, LeafPlan, usable_plans
from atlas_keras.codec.columns.quantizer import Quantizer
from atlas_keras.codec.columns.recoil import MAX_CELLS, Recoil
from atlas_keras.schema import Bound

SAMPLE = 30_000  # rows of a leaf that are learned from
EVENT_CANDIDATES = 40  # columns of the events that those of lists may be learned from
OFFERED = 60  # columns before one that it may be predicted from
MAX_VERBATIM = 0.05  # of the values of a column: with more of them, the grid of a model is none for it
CANDIDATES = 400  # columns before one that its tree may be offered


def plan_leaves(
    leaves: Sequence[Leaf],
    values: Sequence[NDArray],
    bounds: Mapping[str, Bound],
    n_events: int,
    n_all: int,
    pool: Executor,
    model: Mapping[str, LeafPlan] | None = None,
    *,
    momenta: Momenta,
    warm: bool = False,
) -> tuple[tuple[LeafPlan, ...], list[Values]]:
    """Plan all leaves; return what the values are quantized to, too.

    Args:
        leaves: of the file.
        values: of each leaf in the first block.
        bounds: of the leaves that hold values, by name.
        n_events: of the block.
        n_all: of the file.
        pool: of threads.
        model: what has been learned of leaves from other files, by their names.
        momenta: which columns are momenta.
        warm: keep how often symbols were met, for other files to begin with.
    """
    plans = _begun(leaves, bounds, model or {}, momenta)
    plans, quantized = _on_grids(plans, values, pool)
    tables = Tables.find(plans, [q.values for q in quantized], n_events)
    plans = _usual(plans, quantized, tables)
    if not COMPILES:
        return tuple(plans), quantized
    features = _Features(plans, quantized, tables, momenta)

    def learn(at: int) -> LeafPlan:
        return _learned(plans[at], at, quantized[at], features, n_all / max(n_events, 1), warm=warm)

    return tuple(_as_bits(list(pool.map(learn, range(len(plans)))), quantized)), quantized


def _begun(
    leaves: Sequence[Leaf], bounds: Mapping[str, Bound], model: Mapping[str, LeafPlan], momenta: Momenta
) -> list[LeafPlan]:
    """Take the plans of the model; others have a quantizer that is still to be fitted."""
    known = usable_plans(model, leaves)
    numbers = {leaf.name: at for at, leaf in enumerate(leaves) if leaf.role == "values"}
    plans = []
    for leaf in leaves:
        bound = bounds[leaf.name] if leaf.role == "values" else EXACT
        if leaf.name in known and known[leaf.name].bound == bound:
            plans.append(replace(known[leaf.name], leaf=leaf, is_external=True))
            continue
        names = momenta.sources_of_energy(leaf.name) if leaf.role == "values" else ()
        sources = tuple(numbers[name] for name in names) if set(names) <= set(numbers) else ()
        plans.append(LeafPlan(leaf, bound, Quantizer("integers", leaf.dtype), formula=sources))
    return plans


def _on_grids(
    plans: Sequence[LeafPlan], values: Sequence[NDArray], pool: Executor
) -> tuple[list[LeafPlan], list[Values]]:
    """Fit the quantizers that are still to be fitted, and quantize all values."""
    found: dict[int, tuple[LeafPlan, Values]] = {}

    def grid(at: int) -> tuple[LeafPlan, Values]:
        plan, x = plans[at], values[at]
        formula = formula_of(plan, len(x), lambda k: found[k][1])
        if plan.is_external:
            own = Values.of(plan, x, formula)
            if len(own.verbatim) <= MAX_VERBATIM * len(x):
                return plan, own
            plan = replace(plan, learned=None, is_external=False)  # learned from values of another kind
        plan = replace(plan, quantizer=Quantizer.fit(x[:SAMPLE], plan.bound, formula[:SAMPLE]))
        if plan.quantizer.kind != "ratio":
            plan = replace(plan, formula=())
        return plan, Values.of(plan, x, formula)

    for later in (False, True):  # what follows from a formula, when the others have their values
        these = [at for at, plan in enumerate(plans) if bool(plan.formula) is later]
        found.update(zip(these, pool.map(grid, these), strict=True))
    return [found[at][0] for at in range(len(plans))], [found[at][1] for at in range(len(plans))]


def _as_bits(plans: list[LeafPlan], quantized: list[Values]) -> list[LeafPlan]:
    """Store exact floats that are packed, and nothing looks at, as their bits, where these take fewer bytes.

    In order, a number and its negative have other bytes each; as bits they share all but one.
    """
    used = {k for plan in plans for k in (plan.same_as, *plan.formula, *(plan.learned.leaves if plan.learned else ()))}
    for at, (plan, own) in enumerate(zip(plans, quantized, strict=True)):
        is_packed = plan.learned is None and plan.same_as < 0 and not np.all(own.cells == plan.usual)
        if plan.quantizer.kind != "floats" or plan.quantizer.has_verbatim or not is_packed or at in used:
            continue
        n_bits = int(np.finfo(own.values.dtype).nmant)  # all of a mantissa, which zero and few others have none of
        changed = replace(plan, quantizer=Quantizer("floats", plan.leaf.dtype, shift=n_bits))
        bits = Values.of(changed, own.values)
        if packed_size(bits, changed) < packed_size(own, plan):
            plans[at], quantized[at] = changed, bits
    return plans


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

    def __init__(
        self, plans: Sequence[LeafPlan], quantized: Sequence[Values], tables: Tables, momenta: Momenta
    ) -> None:
        self.plans, self.tables, self.momenta = plans, tables, momenta
        self.known = {
            table: Known(_part(rows), _first_of(leaf_under(plans, tables.of.index(table), quantized.__getitem__), rows))
            for table, rows in tables.rows.items()
            if table in tables.of
        }
        self.numbers = {plan.leaf.name: at for at, plan in enumerate(plans) if plan.leaf.role == "values"}
        self._candidates: dict[tuple[int, int], Candidate] = {}
        self.offers: dict[int, list[Offer]] = {}
        for table in self.known:
            self.offers[table] = [(number, "integers") for number in ((RANK, LEFT) if table >= 0 else ())]
        varying = []
        for at, (plan, own) in enumerate(zip(plans, quantized, strict=True)):
            varies = len(own.cells) > 1 and np.any(own.cells != own.cells[0])
            if varies and plan.same_as < 0 and plan.leaf.role != "bytes":
                varying.append(at)
                self.offers[tables.of[at]].append((feature_of(at), plan.quantizer.kind))
        events = [at for at in varying if tables.of[at] == -1 and plans[at].leaf.dtype != "bool"][:EVENT_CANDIDATES]
        for table, known in self.known.items():
            if table >= 0 and known.rows.n:
                self.offers[table] += [(feature_of(at), plans[at].quantizer.kind) for at in events]

    def before(self, at: int) -> list[Candidate]:
        """Return what the tree of a leaf may look at."""
        table = self.tables.of[at]
        found = []
        for number in [number for number, _ in self.offers[table] if number < feature_of(at)][-CANDIDATES:]:
            key = table, number
            if key not in self._candidates:
                self._candidates[key] = Candidate(number, self.known[table].tree_feature(number))
            found.append(self._candidates[key])
        return found

    def offered(self, at: int) -> list[Offer]:
        """Return what a leaf may be predicted from."""
        return [offer for offer in self.offers[self.tables.of[at]] if offer[0] < feature_of(at)][-OFFERED:]

    def recoils(self, at: int) -> list[Recoil]:
        """Return the recoil that a leaf may be measured from, where it is an azimuth."""
        plan, table = self.plans[at], self.tables.of[at]
        sources = [self.numbers.get(name, -1) for name in self.momenta.sources_of_azimuth(plan.leaf.name)]
        if plan.leaf.role != "values" or not sources or not 2 <= plan.quantizer.n_turn <= MAX_CELLS:
            return []
        if any(not 0 <= k < at or self.tables.of[k] != table for k in sources):
            return []
        missing = [self.numbers.get(name, -1) for name in self.momenta.missing]
        missing = missing if all(0 <= k < at and self.tables.of[k] == -1 for k in missing) else []
        pt, eta = (feature_of(k) for k in sources)
        found = tuple(feature_of(k) for k in missing)
        return [Recoil.of(plan.quantizer.n_turn, pt, eta, found, self.known[table].values)]


def _first_of(leaf: Callable[[int], Feature], rows: Rows) -> Callable[[int], Feature]:
    """Cut what tells the values of leaves to the first rows, those of the sample."""
    n = _part(rows).n

    def feature(at: int) -> Feature:
        values, usable = leaf(at)
        return values[:n], usable[:n]

    return feature


def _part(rows: Rows) -> Rows:
    """Return the first lists that have some 30,000 rows together."""
    if len(rows.counts) == 1:
        return Rows(np.minimum(rows.counts, SAMPLE))
    ends = np.cumsum(rows.counts)
    return Rows(rows.counts[: max(int(np.searchsorted(ends, SAMPLE, side="right")), 1)])


def _learned(plan: LeafPlan, at: int, own: Values, features: _Features, more: float, *, warm: bool) -> LeafPlan:
    """Learn a leaf, if that pays: against packed cells, with the size of what is learned."""
    known = features.known[features.tables.of[at]]
    cells = own.cells[: known.rows.n]
    if plan.is_external:
        return plan if plan.same_as < 0 else replace(plan, learned=None, is_external=False)
    is_constant = not len(own.verbatim) and (not len(cells) or np.all(own.cells == own.cells[0]))
    if is_constant or plan.same_as >= 0 or plan.leaf.role == "bytes":
        return plan
    weight = more * len(own.cells) / len(cells)
    found = fit_column(
        cells, plan.quantizer.specials, known, features.before(at), features.offered(at), features.recoils(at), weight,
        warm=warm,
    )  # fmt: skip
    if math.ceil(found[1] / 8) >= len(pack_cells(cells, plan)):
        return plan
    return replace(plan, learned=found[0])
