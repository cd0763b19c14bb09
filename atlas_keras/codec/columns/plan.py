"""How a leaf is coded: its bound and quantizer, what it usually is, its learned coding; and the order of all leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from atlas_keras.codec.columns.layout import Leaf, Node, leaves_of
from atlas_keras.codec.columns.learned import LearnedColumn
from atlas_keras.codec.columns.quantizer import Quantizer
from atlas_keras.schema import Bound

EXACT = Bound("exact")


@dataclass(frozen=True)
class LeafPlan:
    """How a leaf is coded.

    Args:
        leaf: which.
        bound: of its values.
        quantizer: from values to cells.
        usual: the cell that all rows have where a stream is empty.
        same_as: in place of that, the earlier leaf that it equals where a stream is empty; -1 for none.
        learned: its learned coding, or None.
        is_external: whether that is in an entropy model beside the file, and not in the file.
        number: of the leaf in its file.
        formula: earlier leaves that its energy follows from (pt, eta, mass; px, py, pz, mass), or none.
    """

    leaf: Leaf
    bound: Bound
    quantizer: Quantizer
    usual: int = 0
    same_as: int = -1
    learned: LearnedColumn | None = None
    is_external: bool = False
    number: int = -1
    formula: tuple[int, ...] = ()


def coding_order(columns: Mapping[str, Node], late: Sequence[str]) -> list[str]:
    """Return the order in which columns are coded: those of the events first, which lists may be learned from.

    Args:
        columns: their layouts, in the order of the file.
        late: columns that are coded behind all others.
    """
    return sorted(columns, key=lambda name: (name in late, _is_list(columns[name])))


def _is_list(node: Node) -> bool:
    return isinstance(node, list) and (node[0] == "list" or (node[0] == "maybe" and _is_list(node[1])))


def all_leaves(columns: Mapping[str, Node], late: Sequence[str]) -> list[Leaf]:
    """List the leaves of all columns, in the order of coding: see `coding_order`."""
    leaves: list[Leaf] = []
    for name in coding_order(columns, late):
        leaves += leaves_of(name, columns[name], len(leaves))
    return leaves


def leaves_by_column(plans: Sequence[LeafPlan]) -> dict[str, list[int]]:
    """Return the numbers of the leaves of each column."""
    found: dict[str, list[int]] = {}
    for at, plan in enumerate(plans):
        found.setdefault(plan.leaf.column, []).append(at)
    return found


def usable_plans(model: Mapping[str, LeafPlan], leaves: Sequence[Leaf]) -> dict[str, LeafPlan]:
    """Return what a model has learned of leaves, with the numbers that their features have in another file.

    Args:
        model: plans by the names of their leaves.
        leaves: of the file. Of those that have another type, or lack a feature before them, nothing is returned.
    """
    own = {leaf.name: at for at, leaf in enumerate(leaves)}
    names = {plan.number: name for name, plan in model.items()}
    found = {}
    for at, leaf in enumerate(leaves):
        plan = model.get(leaf.name)
        if plan is None or plan.learned is None or (plan.leaf.dtype, plan.leaf.role) != (leaf.dtype, leaf.role):
            continue
        places = {k: own.get(names.get(k, ""), at) for k in (*plan.learned.leaves, *plan.formula)}
        if all(place < at for place in places.values()):
            formula = tuple(places[k] for k in plan.formula)
            learned = plan.learned.renumbered(places)
            found[leaf.name] = replace(plan, learned=learned, number=at, same_as=-1, usual=0, formula=formula)
    return found
