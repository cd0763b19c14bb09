"""Find the tree of a ROOT file that holds jets: TTree or RNTuple, in directories, too, the newest cycle alone."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_keras.data.layouts import LAYOUTS, Layout
from atlas_keras.data.root_faults import tree_fault
from atlas_keras.errors import JetDataError
from atlas_keras.schema import UNITS_IN_MEV, Collection
from atlas_keras.suggestions import few

log = logging.getLogger(__name__)


DIRECTORIES = ("TDirectory", "TDirectoryFile")
# Trees in which ATLAS keeps its books. No event is in them, and some take seconds to open.
BOOKS = ("##*", "MetaData*", "DataHeader*", "POOLContainer*")


@dataclass(frozen=True)
class Tree:
    """A tree that holds jets.

    Args:
        name: with its directories, without its cycle: `nominal/Events`.
        n_events: number of entries.
        layout: names of its branches.
        stored: the columns of the jets that are read, and the branches that hold them.
        branches: uproot's branches (TTree) or fields (RNTuple) by name.
    """

    name: str
    n_events: int
    layout: Layout
    stored: dict[str, str]
    branches: dict[str, Any]


def find_tree(file: Any, path: Path, collection: Collection, wanted: str | None) -> Tree | None:
    """Find the tree that holds jets in one of the known layouts; None where there is none of these.

    Args:
        file: as uproot has opened it.
        path: of the file, for messages.
        collection: what the columns of the jets are.
        wanted: the name of the tree; None takes the only one that fits.

    Raises:
        JetDataError: no tree of that name, several that fit, one that lacks but a branch, or one that cannot be read.
    """
    keys = events_trees(file, path, wanted)
    fitting, partial, faults = [], [], []
    for name, key in keys.items():
        try:
            n_events, branches = open_tree(key)
        except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors through
            faults.append(tree_fault(path, file, name, key, error))
            faults[-1].__cause__ = error
            continue
        for layout in LAYOUTS:
            stored = layout.stored(collection)
            missing = [branch for branch in stored.values() if branch not in branches]
            if not missing:
                fitting.append(Tree(name, n_events, layout, stored, branches))
            elif len(missing) < len(stored):
                partial.append(
                    (len(missing), f"tree {name} looks like {layout.name} but lacks the branch {few(missing)}")
                )
    if len(fitting) > 1:
        names = few(dict.fromkeys(tree.name for tree in fitting))
        raise JetDataError(f"{path}: several trees hold jets ({names}); choose one with --tree NAME")
    if fitting:
        for fault in faults:
            log.warning("%s; it is passed over", fault)
        return fitting[0]
    if faults:
        raise faults[0]
    if partial:
        raise JetDataError(f"{path}: {min(partial)[1]}")
    return None


def stated_unit(file: Any) -> str | None:
    """Return the unit of energies that stands beside the trees, as `write_events` leaves it: MeV, GeV or None."""
    if "unit" in file.keys(cycle=False, recursive=False) and file.classname_of("unit") == "TObjString":
        return next((unit for unit in UNITS_IN_MEV if unit == str(file["unit"])), None)
    return None


def objects_beside(file: Any) -> tuple[str, ...]:
    """List what is no tree of events: books of ATLAS, and histograms for example, `name (TH1D)`."""
    kinds = file.classnames(cycle=False)
    own = {"unit"} if stated_unit(file) else set()  # which `write_events` has put there
    books = [name for name, _ in _keys(file) if _is_book(name)]
    return (*books, *(f"{name} ({kind})" for name, kind in kinds.items() if name not in own and not _is_tree(kind)))


def events_trees(file: Any, path: Path, wanted: str | None) -> dict[str, Any]:
    """List the trees that may hold events: uproot's keys by name.

    Args:
        file: as uproot has opened it.
        path: of the file, for messages.
        wanted: the name of one; None lists all but those in which ATLAS keeps its books.

    Raises:
        JetDataError: no tree of that name.
    """
    keys = dict(_keys(file))
    if wanted is None:
        return {name: key for name, key in keys.items() if not _is_book(name)}
    if wanted not in keys:
        raise JetDataError(f"{path}: there is no tree {wanted!r}; the file has {few(keys) or 'no trees'}")
    return {wanted: keys[wanted]}


def _keys(directory: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Walk over the trees in and below a directory: names without cycles, and the keys of the newest cycles."""
    newest: dict[str, tuple[int, str]] = {}
    for label, kind in directory.classnames(recursive=False).items():
        name, _, cycle = label.rpartition(";")
        if _is_tree(kind):
            newest[name] = max(newest.get(name, (0, "")), (int(cycle), kind))
    for name, (cycle, kind) in newest.items():
        key = directory.key(f"{name};{cycle}")
        if kind in DIRECTORIES:
            yield from _keys(key.get(), f"{above}{name}/")
        else:
            yield above + name, key


def _is_book(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, book) for book in BOOKS)


def _is_tree(kind: str) -> bool:
    """Tell whether an object of a class is a tree, or a directory, which may hold some."""
    return kind in DIRECTORIES or kind == "TTree" or kind.endswith("RNTuple")


def is_bookkeeping(branch: str) -> bool:
    """Tell whether a branch has the bits that ROOT keeps of its objects.

    They are no data. Of objects that others refer to, as those of Delphes, some have two bytes more, and uproot fails.
    """
    return re.search(r"(^|[./])fBits$", branch) is not None


def open_tree(key: Any) -> tuple[int, dict[str, Any]]:
    """Open a tree: its number of entries, its branches by name; of two of a name the first one."""
    source = key.get()
    if not hasattr(source, "num_entries"):
        raise NotImplementedError(f"class {key.fClassName}")
    # All subfields of a large RNTuple take minutes to list. A column is a field of the top; a TTree lists all at once.
    if is_rntuple := "RNTuple" in key.fClassName:
        _list_members(source)
    items = source.iteritems(recursive=False) if is_rntuple else source.iteritems()
    branches: dict[str, Any] = {}
    for name, branch in items:
        branches.setdefault(name, branch)
    return source.num_entries, branches


def _list_members(source: Any) -> None:
    """Tell uproot what the members of each field of an RNTuple are.

    It looks for those of one field among all fields, when it is read: seconds for all columns of a file of thousands.
    """
    fields, below = source.all_fields, defaultdict[int, list[int]](list)
    for number, record in enumerate(source.field_records):
        if record.parent_field_id != number:
            below[record.parent_field_id].append(number)

    def members(number: int) -> list[Any]:
        inner = ((members(one) if fields[one].is_anonymous else [fields[one]]) for one in below[number])
        return [field for part in inner for field in part]

    for number, field in enumerate(fields):
        field._fields = members(number)
