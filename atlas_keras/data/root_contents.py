"""What a ROOT file holds, whatever experiment has written it: which branches make a collection.

A collection is declared: by the branch that counts its objects (NanoAOD), by the object that its branches are members
of (Delphes, EDM4hep, treemaker), by the container that stands in their names (PHYSLITE), or, for lists that stand
beside each other, by the name in front of a pt or an energy (mini-trees). Nobody guesses from the lengths of lists;
where they differ, reading says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from atlas_keras.data.contents import FileContents, Group, Leftover, TreeContents
from atlas_keras.data.naming import infer_column, kinematic_name
from atlas_keras.data.root_trees import events_trees, open_tree
from atlas_keras.errors import JetDataError
from atlas_keras.schema import Collection, Column

NUMBERS = {
    "float": "float32", "double": "float64", "bool": "bool", "char": "int8", "unsigned char": "uint8",
    **{f"{sign}int{bits}_t": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "int": "int32", "unsigned int": "uint32", "short": "int16", "unsigned short": "uint16",
    "long": "int64", "unsigned long": "uint64",
}  # fmt: skip
LIST = re.compile(r"(?:vector<(?P<vector>[\w ]+)>|(?P<array>[\w ]+)\[\])$")
CONTAINER = re.compile(
    r"(?P<name>.*?)Aux(?:Dyn)?[.:](?P<column>.+)$"
)  # of ATLAS: a dot in a TTree, a colon in an RNTuple
COUNTER = re.compile(r"^[nN]_?(?=[A-Z])|(_?size|_n|_)$")
KINDS = (  # a kind of file, the unit of its energies, and names of branches that only it has
    ("DAOD_PHYSLITE", "MeV", re.compile(r"\w+AuxDyn[.:]\w+$")),
    ("Delphes", "GeV", re.compile(r"\w+/\w+\.PT$")),
    ("EDM4hep", "GeV", re.compile(r"\w+/\w+\.momentum\.x$")),
    ("NanoAOD", "GeV", re.compile(r"(luminosityBlock|nMuon|nElectron|nScouting\w+)$")),
    ("treemaker", "GeV", re.compile(r"Jets/Jets\.fCoordinates\.fPt$")),
)


class Leaf(NamedTuple):
    """A branch that holds numbers.

    Args:
        name: in the file.
        dtype: as NumPy calls it.
        is_list: whether it has a list for each event.
        collection, column: which collection it belongs to, as far as the file declares it, and its name there.
        counter: what counts the lists.
        n_bytes: in the file.
    """

    name: str
    dtype: str
    is_list: bool
    collection: str
    column: str
    counter: str
    n_bytes: int


def read_contents(path: Path, file: Any, wanted: str | None = None) -> FileContents:
    """List all trees of events, their collections and columns.

    Args:
        path: of the file, for messages.
        file: as uproot has opened it.
        wanted: name of a tree; None lists all.

    Raises:
        JetDataError: no tree of that name, or one that cannot be read.
    """
    trees = tuple(_contents(path, name, key) for name, key in events_trees(file, path, wanted).items())
    return FileContents("ROOT", trees)


def _contents(path: Path, name: str, key: Any) -> TreeContents:
    try:
        n_events, branches = open_tree(key)
    except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors through
        raise JetDataError(f"{path}: the tree {name} cannot be read ({error})") from error
    leaves, leftovers = [], []
    counters = {b.record.source_field_id: n for n, b in branches.items() if "Cardinality" in _type(b)}
    for source, branch in branches.items():
        found = _leaf(source, branch, counters)
        if isinstance(found, Leaf):
            leaves.append(found)
        elif found is not None:
            leftovers.append(found)
    kind, unit = next(((k, u) for k, u, mark in KINDS if any(map(mark.match, branches))), ("tree", None))
    groups, lone = _groups(leaves)
    leftovers += [Leftover(leaf.name, f"list of {leaf.dtype}", leaf.n_bytes) for leaf in lone]
    events = [leaf for leaf in leaves if not leaf.is_list]
    return TreeContents(
        name, kind, n_events, unit, groups, _group("events", events, "") if events else None, tuple(leftovers)
    )


def _leaf(name: str, branch: Any, counters: Mapping[int, str]) -> Leaf | Leftover | None:
    """Describe a branch; None where it is but the name above others, which hold its data."""
    is_field = hasattr(branch, "record")
    n_bytes = 0 if is_field else int(branch.compressed_bytes)
    if not is_field and len(branch.branches):
        return None
    typename = _type(branch)
    if is_field and (not typename or name in counters.values()):
        return None
    found = LIST.match(typename)
    inner = (found["vector"] or found["array"]).strip() if found else typename
    if inner not in NUMBERS:
        return Leftover(name, typename, n_bytes)
    collection, column, counter = _declared(name, branch, counters)
    return Leaf(name, NUMBERS[inner], found is not None, collection, column, counter, n_bytes)


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
        return top, own.removeprefix(f"{top}.").removeprefix("."), ""
    counter = ""
    if hasattr(branch, "record"):
        counter = counters.get(branch.record.source_field_id, "")
    elif branch.count_branch is not None and not branch.count_branch.name.endswith(own):
        counter = branch.count_branch.name  # one that counts this branch alone declares nothing
    return "", name, counter


def _groups(leaves: list[Leaf]) -> tuple[tuple[Group, ...], list[Leaf]]:
    """Put lists together that belong to one collection; and those that belong to none."""
    lists = [leaf for leaf in leaves if leaf.is_list]
    parts: dict[str, list[Leaf]] = {}
    loose = []
    for leaf in lists:
        if leaf.collection or leaf.counter:
            parts.setdefault(leaf.collection or f"{leaf.counter}\0", []).append(leaf)
        else:
            loose.append(leaf)
    named: dict[str, tuple[list[Leaf], str]] = {}
    for key, members in parts.items():
        if not key.endswith("\0"):
            named[key] = (members, "")
            continue
        counter = key[:-1]
        name = _counted_name(counter, [leaf.name for leaf in members])
        own = [leaf._replace(column=leaf.name.removeprefix(name).lstrip("_.")) for leaf in members]
        named[name] = (own, counter)
    lone = []
    prefixes = sorted({p for leaf in loose if (p := _prefix(leaf.name))} | set(named), key=len, reverse=True)
    for leaf in loose:
        prefix = next((p for p in prefixes if leaf.name.startswith(f"{p}_")), None)
        if prefix is None:
            lone.append(leaf)
            continue
        members, counter = named.setdefault(prefix, ([], ""))
        members.append(leaf._replace(column=leaf.name[len(prefix) + 1 :]))
    return tuple(_group(name, members, counter) for name, (members, counter) in named.items()), lone


def _counted_name(counter: str, names: list[str]) -> str:
    """Name what a branch counts: `nJet` counts the objects of `Jet`, where its branches are called so."""
    name = COUNTER.sub("", counter)
    if name and all(n.startswith(name) for n in names):
        return name
    first = min(names, key=len)
    while first and not all(n.startswith(first) for n in names):
        first = first[:-1]
    whole = first.rstrip("_.") if first.endswith(("_", ".")) or len(names) == 1 else first.rpartition("_")[0]
    return whole or counter


def _prefix(name: str) -> str | None:
    """Return what stands in front of a pt or an energy in the name of a list: of objects that have a momentum."""
    prefix, _, column = name.rpartition("_")
    return prefix if prefix and kinematic_name(column) in ("pt", "E", "px") else None


def _group(name: str, leaves: list[Leaf], counter: str) -> Group:
    """Make a collection of branches: kinematic columns get the names that they have here, the others keep theirs."""
    columns: list[Column] = []
    sources: dict[str, str] = {}
    n_bytes: dict[str, int] = {}
    taken = {leaf.column for leaf in leaves}
    for leaf in leaves:
        known = kinematic_name(leaf.column)
        own = known if known and (known == leaf.column or known not in taken | set(sources)) else leaf.column
        own = next(n for n in _numbered(own or leaf.name) if n not in sources)
        columns.append(infer_column(own, leaf.dtype))
        sources[own], n_bytes[own] = leaf.name, leaf.n_bytes
    return Group(Collection(name, tuple(columns), counter), sources, n_bytes)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1
