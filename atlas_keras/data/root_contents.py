"""What a ROOT file holds, whatever experiment has written it: which branches make a collection.

A collection is declared: by the branch that counts its objects (NanoAOD), by the object that its branches are members
of (Delphes, EDM4hep, treemaker), by the container that stands in their names (PHYSLITE), or, for lists that stand
beside each other, by the name in front of a pt or an energy (mini-trees). Nobody guesses from the lengths of lists;
where they differ, reading says so.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlas_keras.data.contents import IDENTITY, FileContents, Group, Leftover, TreeContents, choose_unit
from atlas_keras.data.find_collection import find_one, sources_of
from atlas_keras.data.grouping import Leaf, group_leaves, make_group, shared_start
from atlas_keras.data.layouts import Layout
from atlas_keras.data.root_faults import tree_fault
from atlas_keras.data.root_trees import Tree, events_trees, is_bookkeeping, objects_beside, open_tree, stated_unit
from atlas_keras.schema import Collection

log = logging.getLogger(__name__)

NUMBERS = {
    "float": "float32", "double": "float64", "bool": "bool", "char": "int8", "unsigned char": "uint8",
    **{f"{sign}int{bits}_t": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "int": "int32", "unsigned int": "uint32", "short": "int16", "unsigned short": "uint16",
    "long": "int64", "unsigned long": "uint64", "Float16_t": "float32", "Double32_t": "float64",
}  # fmt: skip
LIST = re.compile(r"(?:vector<(?P<vector>[\w ]+)>|(?P<array>[\w ]+)\[\])$")
CONTAINER = re.compile(
    r"(?P<name>.*?)Aux(?:Dyn)?[.:](?P<column>.+)$"
)  # of ATLAS: a dot in a TTree, a colon in an RNTuple
KINDS = (  # a kind of file, the unit of its energies, and names of branches that only it has
    ("DAOD_PHYSLITE", "MeV", re.compile(r"\w+AuxDyn[.:]\w+$")),
    ("Delphes", "GeV", re.compile(r"(\w+/)?\w+\.PT$")),
    ("EDM4hep", "GeV", re.compile(r"\w+/\w+\.momentum\.x$")),
    ("NanoAOD", "GeV", re.compile(r"(luminosityBlock|nMuon|nElectron|nScouting\w+)$")),
    ("treemaker", "GeV", re.compile(r"Jets/Jets\.fCoordinates\.fPt$")),
)


def read_contents(path: Path, file: Any, wanted: str | None = None) -> FileContents:
    """List all trees of events, their collections and columns.

    Args:
        path: of the file, for messages.
        file: as uproot has opened it.
        wanted: name of a tree; None lists all.

    Raises:
        JetDataError: no tree of that name, or one that cannot be read.
    """
    trees = _readable(path, file, events_trees(file, path, wanted))
    if unit := stated_unit(file):
        trees = [replace(tree, unit=unit, states_unit=True) for tree in trees]
    return FileContents("ROOT", tuple(trees), () if wanted is not None else objects_beside(file))


def find_group(path: Path, file: Any, collection: Collection, wanted: str | None, unit: str | None) -> Tree:
    """Find the tree that holds a collection, and the branches of its columns.

    Args:
        path: of the file, for messages.
        file: as uproot has opened it.
        collection: its name, and which columns are wanted, by the names that `info` prints, or computed from those.
        wanted: name of the tree; None takes the only one that has it.
        unit: of energies, as the user says it.

    Raises:
        JetDataError: no tree has such a collection, several do, a column is missing, or nobody has said the unit.
    """
    keys = events_trees(file, path, wanted)
    trees = _readable(path, file, keys)
    tree, group = find_one(path, trees, collection.name)
    unit = choose_unit(path, stated_unit(file), unit, tree.unit)
    stored = sources_of(path, group, collection, unit)
    identity = () if tree.events is None else tuple(filter(IDENTITY.match, tree.events.sources.values()))
    layout = Layout(tree.kind, unit or "MeV", _common(group), identity)
    branches = open_tree(keys[tree.name])[1]
    return Tree(tree.name, tree.n_events, layout, stored, branches)


def _common(group: Group) -> str:
    """Return what the names of all branches of a collection begin with, up to a mark behind its own name."""
    common = shared_start(list(group.sources.values()))
    return common[: max(map(common.rfind, "_.:/")) + 1] or f"{group.collection.name}_"


def _readable(path: Path, file: Any, keys: Mapping[str, Any]) -> list[TreeContents]:
    """List what trees hold; of several those that can be read, with a warning about the others.

    Raises:
        JetDataError: none can be read.
    """
    found, faults = [], []
    for name, key in keys.items():
        try:
            found.append(_contents(name, *open_tree(key)))
        except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors through
            faults.append(tree_fault(path, file, name, key, error))
            faults[-1].__cause__ = error
    if faults and not found:
        raise faults[0]
    for fault in faults:
        log.warning("%s; it is passed over", fault)
    return found


def _contents(name: str, n_events: int, branches: Mapping[str, Any]) -> TreeContents:
    leaves, leftovers = [], []
    counters = {b.record.source_field_id: n for n, b in branches.items() if _is_counter(b)}
    sizes = _compressed_bytes(branches)
    for source, branch in branches.items():
        found = _leaf(source, branch, counters, sizes[source])
        if isinstance(found, Leaf):
            leaves.append(found)
        elif found is not None:
            leftovers.append(found)
    kind, unit = next(((k, u) for k, u, mark in KINDS if any(map(mark.match, branches))), ("tree", None))
    groups, lone = group_leaves(leaves)
    leftovers += [Leftover(leaf.name, f"list of {leaf.dtype}", leaf.n_bytes) for leaf in lone]
    events = [leaf for leaf in leaves if not leaf.is_list]
    return TreeContents(
        name, kind, n_events, unit, groups, make_group("events", events, "") if events else None, tuple(leftovers)
    )


def _compressed_bytes(branches: Mapping[str, Any]) -> dict[str, int]:
    """Return the bytes of branches or fields in the file; 0 of a branch whose data stand in the head of its tree."""
    fields = {name: branch for name, branch in branches.items() if hasattr(branch, "record")}
    if not fields:
        return {name: int(branch.compressed_bytes) for name, branch in branches.items()}
    ntuple = next(iter(fields.values())).ntuple
    own, tops = Counter[int](), list[int]()
    for cluster in ntuple.page_link_list:
        for column, found in zip(ntuple.column_records, cluster, strict=False):  # the last ones may have come later
            own[column.field_id] += sum(page.locator.num_bytes for page in found.pages)
    for field, record in enumerate(ntuple.field_records):  # each stands behind the one that it is in
        tops.append(field if record.parent_field_id == field else tops[record.parent_field_id])
    # NanoAOD's fields show parts of others; what many show, the lengths of their lists, is none of theirs.
    shown = [record.source_field_id for record in ntuple.field_records]
    uses, sizes = Counter(shown), Counter[int]()
    for field, source in enumerate(shown):
        if source is None or uses[source] == 1:
            sizes[tops[field]] += own[field if source is None else source]
    return {name: sizes[field._fid] for name, field in fields.items()}


def _leaf(name: str, branch: Any, counters: Mapping[int, str], n_bytes: int) -> Leaf | Leftover | None:
    """Describe a branch; None where it is but the name above others, which hold its data."""
    is_field = hasattr(branch, "record")
    if not is_field and len(branch.branches):
        return None
    typename = _type(branch)
    if is_field and (not typename or name in counters.values()):
        return None
    found = LIST.match(typename)
    inner = (found["vector"] or found["array"]).strip() if found else typename
    if inner not in NUMBERS or is_bookkeeping(name):
        return Leftover(name, typename, n_bytes)
    collection, column, counter = _declared(name, branch, counters)
    return Leaf(name, NUMBERS[inner], found is not None, collection, column, counter, n_bytes)


def _is_counter(branch: Any) -> bool:
    """Tell whether a field of an RNTuple counts the objects of a collection."""
    return hasattr(branch, "record") and "Cardinality" in _type(branch)


def _type(branch: Any) -> str:
    """Return the type of a branch or field as C++ has it, without the names of its libraries."""
    try:
        return branch.typename.replace("ROOT::VecOps::RVec", "vector").replace("std::", "").strip()
    except Exception:  # of branches that uproot cannot interpret
        return "unknown"


def _declared(name: str, branch: Any, counters: Mapping[int, str]) -> tuple[str, str, str]:
    """Return the collection, column and counter that the file itself declares, empty where it does not."""
    parent, _, own = name.rpartition("/")
    if found := CONTAINER.match(own):
        return found["name"], found["column"], ""
    if parent:
        top = parent.rpartition("/")[2]
        if "PositionVector3D" in _type(branch.parent):  # a place, and no momentum
            return top, own.rpartition(".f")[2].lower(), ""
        return top, own.removeprefix(f"{top}.").removeprefix("."), ""
    counter = ""
    if hasattr(branch, "record"):
        counter = counters.get(branch.record.source_field_id, "")
    elif branch.count_branch is not None and not branch.count_branch.name.endswith(own):
        counter = branch.count_branch.name  # one that counts this branch alone declares nothing
    return "", name, counter
