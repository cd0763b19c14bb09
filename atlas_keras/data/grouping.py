"""Put the columns of a file together that belong to one collection: by what the file declares, then by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from atlas_keras.data.contents import Group
from atlas_keras.data.naming import infer_column, kinematic_name, tells_momentum
from atlas_keras.schema import Collection, Column

COUNTER = re.compile(r"^[nN]_?(?=[A-Z])|(_?size|_n|_)$")
COUNTED = re.compile(r"n(?P<of>[A-Z].*)|(?P<before>.+)_(n|size)$")


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


def group_leaves(leaves: list[Leaf]) -> tuple[tuple[Group, ...], list[Leaf]]:
    """Put lists together that belong to one collection; and those that belong to none."""
    lists = [leaf for leaf in leaves if leaf.is_list]
    counted = {of: leaf.name for leaf in leaves if not leaf.is_list and (of := counted_by(leaf.name))}
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
            named[key] = (members, counted.get(key, ""))
            continue
        counter = key[:-1]
        prefix = _counted_name(counter, [leaf.name for leaf in members])
        name = next(n for n in _numbered(prefix) if n not in {*named, *parts})  # two counters are two collections
        own = [leaf._replace(column=re.sub(r"^[_.]", "", leaf.name.removeprefix(prefix))) for leaf in members]
        named[name] = (own, counter)
    lone: list[Leaf] = []
    # What a counter declares comes before what a momentum tells: of `Muon_trk_pt`, where `nMuon` counts muons.
    known = {*named, *counted}
    told = _prefixes(loose, known) - known
    prefixes = [*sorted(known, key=len, reverse=True), *sorted(told, key=len, reverse=True)]
    for leaf in loose:
        prefix = next((p for p in prefixes if leaf.name.startswith(f"{p}_")), "")
        if not prefix or leaf.name[len(prefix) + 1 :].isdigit():  # EDM4hep keeps lists of other lengths in Track_0
            lone.append(leaf)
            continue
        members, counter = named.setdefault(prefix, ([], counted.get(prefix, "")))
        members.append(leaf._replace(column=leaf.name[len(prefix) + 1 :]))
    return tuple(make_group(name, members, counter) for name, (members, counter) in named.items()), lone


def counted_by(name: str) -> str:
    """Return what a column of the events counts the objects of, by its name; empty where it says no such thing.

    Example:
        >>> counted_by("nJet"), counted_by("jet_n"), counted_by("Jet_size"), counted_by("run")
        ('Jet', 'jet', 'Jet', '')
    """
    found = COUNTED.match(name)
    return (found["of"] or found["before"]) if found else ""


def _counted_name(counter: str, names: list[str]) -> str:
    """Name what a branch counts: `nJet` counts the objects of `Jet`, where its branches are called so."""
    for name in (COUNTER.sub("", counter), counter.removeprefix("n").removeprefix("_")):
        if name and all(n.startswith(name) for n in names):
            return name
    first = shared_start(names)
    whole = first.rstrip("_.") if first.endswith(("_", ".")) or len(names) == 1 else first.rpartition("_")[0]
    return whole or counter


def shared_start(names: list[str]) -> str:
    """Return the letters that all names begin with."""
    first = min(names, key=len)
    while not all(name.startswith(first) for name in names):
        first = first[:-1]
    return first


def _prefixes(leaves: list[Leaf], known: set[str]) -> set[str]:
    """Return what stands in front of a pt or an energy in the names of lists: of objects that have a momentum.

    `jet_raw_pt` beside `jet_pt` is another pt of `jet`, where no other kinematic column begins with `jet_raw`.
    """
    parts = [leaf.name.rpartition("_") for leaf in leaves if leaf.dtype.startswith("float")]
    kinematic = [(prefix, kinematic_name(column)) for prefix, _, column in parts if prefix]
    found = {prefix for prefix, _, column in parts if prefix and tells_momentum(column)}
    n_columns = Counter(prefix for prefix, column in kinematic if column)
    inner = {p for p in found if any(p.startswith(f"{q}_") for q in (found | known) - {p})}
    return {prefix for prefix in found if prefix not in inner or n_columns[prefix] > 1}


def make_group(name: str, leaves: list[Leaf], counter: str) -> Group:
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
