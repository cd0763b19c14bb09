"""Read collections from ROOT files through uproot, TTree or RNTuple: NanoAOD, DAOD_PHYSLITE and any other kind.

Both store the mass; E is computed from it in double precision, a negative stored mass standing for a spacelike jet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.data.arrow_types import can_be_stored, is_any_list
from atlas_keras.data.contents import DEFAULT, choose_unit
from atlas_keras.data.events import EventBatch, compute_columns, jagged, lengths
from atlas_keras.data.file_format import ReadOptions
from atlas_keras.data.kept_columns import matching, names_in_table
from atlas_keras.data.root_contents import find_group
from atlas_keras.data.root_faults import are_sound, branch_fault, damage_told
from atlas_keras.data.root_format import opened
from atlas_keras.data.root_trees import Tree, find_tree, stated_unit
from atlas_keras.errors import JetDataError
from atlas_keras.schema import EVENTS, Collection
from atlas_keras.suggestions import few

try:
    import awkward as ak
    import uproot
except ImportError:
    ak = uproot = None

log = logging.getLogger(__name__)

BATCH_EVENTS = 50_000


def read_root(path: Path, options: ReadOptions) -> Iterator[EventBatch]:
    """Read events from a ROOT file, 50,000 at a time.

    A collection called `jets` is the jets of the file, of NanoAOD and DAOD_PHYSLITE above all, and one called `events`
    the columns of the events, a row an event; any other name is that of a collection as `info` prints it.

    The jets have the columns of the collection, and those from which E is computed. Other branches keep their names,
    except that one called like a column of the jets, `pt`, becomes `event.pt`. A branch holds a value for each jet if
    its counter is that of the jets or its name begins as theirs do (`Jet_`, `AnalysisJetsAuxDyn.`), and its lists are
    as long as the jets are many.

    Args:
        path: the file.
        options: what is read. The branches that identify an event are always kept; what only a wildcard of `columns`
            names and nobody can read is left out, with a warning. Where neither file nor options state the unit of
            energies, it is that of the kind of file.

    Raises:
        MissingExtraError: uproot is not installed.
        JetDataError: a damaged file, no known layout, a missing branch, several trees with jets, a pattern without a
            branch, a branch that uproot cannot read.
    """
    with opened(path) as file:
        found = _find(file, path, options)
        stop = found.n_events if options.entry_stop is None else min(options.entry_stop, found.n_events)
        entries = range(options.entry_start, stop)
        with damage_told(path, file):
            kept = _kept(found, path, options)
            of_jets = [name for name in kept if _may_be_of_jets(found, name)]
            optional = kept.keys() - {*found.layout.identity, *options.columns}
        yield from _batches(file, path, found, options.collection, kept, of_jets, optional, entries)


def n_entries(path: Path, options: ReadOptions) -> int:
    """Count the events of the tree that `read_root` reads; the arguments are its.

    Raises:
        MissingExtraError, JetDataError: as `read_root`.
    """
    with opened(path) as file:
        return _find(file, path, options).n_events


def _find(file: Any, path: Path, options: ReadOptions) -> Tree:
    """Find the tree that holds the jets, or a collection by its name.

    Raises:
        JetDataError: there is none, or a damaged file.
    """
    collection, tree = options.collection, options.tree
    with damage_told(path, file):
        if collection.name == DEFAULT and (found := find_tree(file, path, collection, tree)) is not None:
            unit = choose_unit(path, stated_unit(file), options.source_unit, found.layout.unit)
            return replace(found, layout=replace(found.layout, unit=unit or found.layout.unit))
        return find_group(path, file, collection, tree, options.source_unit)


def _kept(tree: Tree, path: Path, options: ReadOptions) -> dict[str, str]:
    """Choose the branches to keep: their names in the file, and those in the table."""
    known = list(tree.branches)
    chosen = {*tree.layout.identity, *matching(options.columns, known, path, f"branch of tree {tree.name}")}
    chosen -= set(tree.stored.values())
    names = [name for name in known if name in chosen and not _is_group(tree, name)]
    return names_in_table(names, (*options.collection.names, *tree.stored), path)


def _is_group(tree: Tree, name: str) -> bool:
    """Tell whether a branch is but the name above others, which hold its data."""
    branch = tree.branches[name]
    if not hasattr(branch, "record"):
        try:
            return isinstance(branch.interpretation, uproot.interpretation.grouped.AsGrouped)
        except Exception:  # reading it will fail, too, and say why
            return False
    # A collection of an RNTuple whose members stand at the top as well, projected.
    members = [tree.branches.get(member.name) for member in branch.fields]
    return bool(members) and all(m is not None and m.record.source_field_id is not None for m in members)


def _batches(
    file: Any,
    path: Path,
    tree: Tree,
    collection: Collection,
    kept: dict[str, str],
    of_jets: list[str],
    optional: Set[str],
    entries: range,
) -> Iterator[EventBatch]:
    identity = tree.layout.identity
    computed = tuple(name for name in collection.names if name not in tree.stored)
    for start in entries[::BATCH_EVENTS]:
        stop = min(start + BATCH_EVENTS, entries.stop)
        read = _Reader(file, path, tree, start, stop)
        arrays = read.arrays(list(tree.stored.values()), "jets")
        stored, counts = _flatten(arrays, tree, path, start, collection.name == EVENTS)
        jets: dict[str, NDArray] = {**compute_columns(collection, stored), **stored}
        table = pa.table({name: jagged(values, counts) for name, values in jets.items()})
        others = read.arrays([name for name in kept if name in identity], "identity", _to_arrow)
        rest = [name for name in kept if name not in identity]
        others |= read.arrays(rest, "columns", _to_arrow, optional if start == entries.start else set())
        kept = {name: column for name, column in kept.items() if name in others}
        of_jets = [name for name in of_jets if name in others and _counts_agree(others[name], counts)]
        for name, column in kept.items():
            table = table.append_column(column, others[name])
        own, numbers = (*jets, *(kept[name] for name in of_jets)), np.arange(start + 1, stop + 1)
        yield EventBatch(table, collection, own, tree.layout.unit, path, "event", numbers, tree.stored, computed)


class _Reader:
    """Reads branches of a range of events, and names those that it cannot read."""

    def __init__(self, file: Any, path: Path, tree: Tree, start: int, stop: int) -> None:
        self.file, self.path, self.tree, self.start, self.stop = file, path, tree, start, stop

    def arrays(
        self,
        names: Sequence[str],
        what: str,
        convert: Callable[[Any], Any] = lambda a: a,
        optional: Set[str] = frozenset(),
    ) -> dict[str, Any]:
        """Read branches for `what`, see `branch_fault`: Awkward arrays, or what `convert` makes of them.

        Those of the optional ones that are sound and cannot be read are left out, with a warning.
        """
        found: dict[str, Any] = {}
        errors: dict[str, Exception] = {}
        for name in names:
            branch = self.tree.branches[name]
            try:
                array = branch.array(entry_start=self.start, entry_stop=self.stop)
                found[name] = convert(array)
            except Exception as error:  # uproot lets errors of all kinds through
                errors[name] = error
                continue
            if len(array) != self.stop - self.start:
                raise JetDataError(
                    f"{self.path}: branch {name} has {branch.num_entries:,} entries, tree {self.tree.name} has "
                    f"{self.tree.n_events:,}" + ("; leave it out of --columns" if what == "columns" else "")
                )
        if errors and errors.keys() <= optional and are_sound(self.path, self.file, errors, self.tree.branches):
            log.warning("%s: left out, since nobody can read them or no column hold them: %s", self.path, few(errors))
        elif errors:
            fault = branch_fault(self.path, self.file, errors, self.tree.branches, what)
            raise fault from next(iter(errors.values()))
        return found


def _to_arrow(array: Any) -> pa.Array:
    try:
        found = ak.to_arrow(array, extensionarray=False, list_to32=True)
    except Exception as error:
        raise NotImplementedError(f"no Arrow type is like {_kind(array)}") from error
    if not can_be_stored(found.type):
        raise NotImplementedError(f"no column can hold {_kind(array)}")
    return found


def _kind(array: Any) -> str:
    """Describe what an array holds for each event."""
    return few([str(array.type.content)])


def _flatten(
    arrays: dict[str, Any], tree: Tree, path: Path, start: int, own_row: bool
) -> tuple[dict[str, NDArray], NDArray[np.int64]]:
    """Flatten the jets of a batch: their stored columns in the types of the file, and the number of jets of each event.

    A value that is missing is masked. With `own_row` an event is a row, and a number of its is one of the row.
    """
    flat: dict[str, NDArray] = {}
    first, counts = "", np.empty(0, np.int64)
    for column, (name, array) in zip(tree.stored, arrays.items(), strict=True):
        if array.ndim == 1 and own_row:
            array = array[:, np.newaxis]
        if array.ndim != 2:
            raise JetDataError(f"{path}: branch {name} holds no list of numbers for each event but {_kind(array)}")
        own = np.ma.filled(ak.to_numpy(ak.num(array)), 0).astype(np.int64)
        if not first:
            first, counts = name, own
        elif not np.array_equal(own, counts):
            event = int(np.argmax(own != counts))
            raise JetDataError(
                f"{path}: event {start + event + 1}: {name} has {own[event]} values, {first} has {counts[event]}"
            )
        values = ak.to_numpy(ak.flatten(array))
        if values.dtype.kind not in "bfiu":
            raise JetDataError(f"{path}: branch {name} holds no numbers but {_kind(array)}")
        flat[column] = values.astype(values.dtype.newbyteorder("="), copy=False)
    return flat, counts


def _may_be_of_jets(tree: Tree, name: str) -> bool:
    """Tell whether a branch can hold a value for each jet: it is counted as they are, or called as they are."""
    counter = _counter(tree.branches[next(iter(tree.stored.values()))])
    return name.startswith(tree.layout.prefix) or (counter is not None and _counter(tree.branches[name]) == counter)


def _counter(branch: Any) -> str | int | None:
    """Return what the file names as the counter of a branch's values: nJet of a TTree, a collection of an RNTuple."""
    if hasattr(branch, "record"):
        return branch.record.source_field_id
    # uproot's branches are mappings of their subbranches: all without any are equal.
    return None if branch.count_branch is None else branch.count_branch.name


def _counts_agree(column: pa.Array, counts: NDArray[np.int64]) -> bool:
    """Tell whether a column has a list for each event, as long as the jets are many."""
    return is_any_list(column.type) and np.array_equal(lengths(column), counts)
