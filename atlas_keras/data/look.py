"""Look into a file of any kind: what it holds, and what the values of its columns are like."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.data.arrow_types import plain
from atlas_keras.data.contents import JETS, FileContents, Group, TreeContents
from atlas_keras.data.grouping import first_group
from atlas_keras.data.naming import infer_column
from atlas_keras.data.parquet_contents import read_contents as parquet_contents
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.kinematics import way_to
from atlas_keras.schema import FOUR_MOMENTUM, MASS, Collection, Column
from atlas_keras.suggestions import suggest

EVENTS = 1000  # that are looked at
SPIKE = 0.01  # a value that more of the values have, in a column of many different ones, is told
FEW_VALUES = 48  # a column of no more different values is one of kinds, and has no spikes
MANTISSA = {4: 23, 8: 52}  # bits of a float


@dataclass(frozen=True)
class Values:
    """What the values of a column are like, in the first events.

    Args:
        n: how many were looked at.
        low, high: the range of the finite ones; None where there are none.
        n_different: how many different ones.
        spikes: values that repeat far more often than their neighbors, with the part of the values that they are.
        mantissa_bits: that the floats have, where the rest of each is zero; None of other types.
        n_not_finite: NaN and infinite ones.
    """

    n: int
    low: float | None = None
    high: float | None = None
    n_different: int = 0
    spikes: tuple[tuple[float, float], ...] = ()
    mantissa_bits: int | None = None
    n_not_finite: int = 0


def read_contents(path: str | Path, tree: str | None = None) -> FileContents:
    """List what a file holds.

    Args:
        path: a ROOT or a Parquet file.
        tree: name of one of its trees; None lists all.

    Raises:
        JetDataError: no such file, one of another kind, or a damaged one.
        MissingExtraError: uproot is not installed.
    """
    path = Path(path)
    magic = _magic(path)
    if magic == b"PAR1":
        return parquet_contents(path)
    if magic != b"root":
        raise JetDataError(f"{path}: neither a ROOT nor a Parquet file; the text format has jets alone")
    with opened_root(path) as file:
        return _root_contents(path, file, tree)


def look_at(path: str | Path, tree: TreeContents, groups: tuple[Group, ...]) -> dict[str, dict[str, Values]]:
    """Look at the values of columns in the first 1,000 events.

    Args:
        path: of the file.
        tree: of it.
        groups: collections of the tree; `tree.events` is one too.

    Returns:
        By collection and column; a column that cannot be read is left out.
    """
    path, sources = Path(path), {source for group in groups for source in group.sources.values()}
    read = _parquet_values if _magic(path) == b"PAR1" else _root_values
    found = dict(read(path, tree, sources))
    return {
        group.collection.name: {
            column.name: describe(found[group.sources[column.name]], column)
            for column in group.collection
            if group.sources[column.name] in found
        }
        for group in groups
    }


def describe(values: NDArray, column: Column) -> Values:
    """Describe values.

    Args:
        values: flat, of any type of numbers.
        column: that they are of.
    """
    values = np.ravel(values)
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not len(finite):
        return Values(len(values), n_not_finite=len(values))
    different, counts = np.unique(finite, return_counts=True)
    spikes: tuple[tuple[float, float], ...] = ()
    if len(different) > FEW_VALUES and column.quantity not in ("id", "flag", "count"):
        usual = max(SPIKE * len(finite), 12, 5 * float(np.median(counts)))
        often = np.flatnonzero(counts > usual)
        order = often[np.argsort(-counts[often], kind="stable")][:3]
        spikes = tuple((float(different[at]), float(counts[at] / len(values))) for at in order)
    return Values(
        len(values),
        float(different[0]),
        float(different[-1]),
        len(different),
        spikes,
        _mantissa(different) if values.dtype.kind == "f" and values.dtype.itemsize in MANTISSA else None,
        len(values) - len(finite),
    )


def _mantissa(values: NDArray) -> int:
    """Count the bits of mantissa that values use."""
    bits = MANTISSA[values.dtype.itemsize]
    raw = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    used = int(np.bitwise_or.reduce(raw)) & ((1 << bits) - 1)
    return 0 if used == 0 else bits - (used & -used).bit_length() + 1


def _magic(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(4)
    except OSError as error:
        raise JetDataError(f"{path}: {error.strerror or error}") from error


def opened_root(path: Path) -> Any:
    """Open a ROOT file with uproot.

    Raises:
        JetDataError: a damaged file.
        MissingExtraError: uproot is not installed.
    """
    from atlas_keras.data.root_faults import damage

    extras.require("uproot")
    import uproot  # takes a while, and Parquet does without

    try:
        return uproot.open(path)
    except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors of damaged files through
        raise damage(path, error) from error


def _root_contents(path: Path, file: Any, tree: str | None) -> FileContents:
    from atlas_keras.data.root_contents import read_contents as root_contents

    try:
        return root_contents(path, file, tree)
    except JetDataError:
        raise
    except Exception as error:  # of damaged files
        from atlas_keras.data.root_faults import damage

        raise damage(path, error, file) from error


def _root_values(path: Path, tree: TreeContents, sources: set[str]) -> Iterator[tuple[str, NDArray]]:
    import awkward as ak

    from atlas_keras.data.root_trees import events_trees, open_tree

    with opened_root(path) as file:
        branches = open_tree(events_trees(file, path, tree.name)[tree.name])[1]
        stop = min(EVENTS, tree.n_events)
        for name, branch in branches.items():
            if name not in sources:
                continue
            try:
                array = branch.array(entry_stop=stop)
                yield name, ak.to_numpy(ak.flatten(array) if array.ndim > 1 else array)
            except Exception:
                continue


def _parquet_values(path: Path, tree: TreeContents, sources: set[str]) -> Iterator[tuple[str, NDArray]]:
    try:
        file = pq.ParquetFile(path)
        names = {name if name in file.schema_arrow.names else name.partition(".")[0] for name in sources}
        batch = next(file.iter_batches(EVENTS, columns=sorted(names)), None)
    except (pa.ArrowException, OSError) as error:
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error
    if batch is None:
        return
    table = plain(pa.Table.from_batches([batch]))
    own = set(table.column_names)
    for source in sources:
        whole, _, member = (source, "", "") if source in own else source.partition(".")
        column = table[whole]
        column = pc.list_flatten(column) if pa.types.is_list(column.type) else column
        column = pc.struct_field(column, member) if member else column
        yield source, column.drop_null().to_numpy()


def choose_collection(
    path: str | Path, name: str | None, features: Sequence[str] = (), tree: str | None = None
) -> Collection:
    """Choose columns of a collection of a file.

    Args:
        path: of the file.
        name: of the collection, as `info` prints it; None means the jets.
        features: names and patterns (`*` and `?`) of columns, in order; kinematic ones that follow from others may be
            named, too. None at all means E, pt, eta and phi.
        tree: name of the tree in ROOT files; None takes the one that has the collection.

    Raises:
        JetDataError: no such collection or column, or several trees that have it.
    """
    trees = read_contents(path, tree).trees
    names = JETS if name is None else (name,)
    found = [group for one in trees if (group := first_group(one, names)) is not None]
    if not found:
        known = list(dict.fromkeys(group.collection.name for one in trees for group in one.groups))
        raise JetDataError(f"{path}: there is no collection {names[0]!r}; {suggest(names[0], known or ['none'])}")
    if len(found) > 1:
        raise JetDataError(f"{path}: several trees hold {found[0].collection.name}; choose one with --tree NAME")
    return choose_columns(found[0].collection, features, str(path))


def choose_columns(collection: Collection, features: Sequence[str], where: str) -> Collection:
    """Choose columns of a collection, and those that follow from them.

    Args:
        collection: all columns that there are.
        features: as in `choose_collection`.
        where: begins the message.

    Raises:
        JetDataError: a name or pattern that fits no column.
    """
    known, chosen = {column.name: column for column in collection}, dict[str, Column]()
    for feature in features or FOUR_MOMENTUM.names:
        fitting = [column for column in known.values() if fnmatch.fnmatchcase(column.name, feature)]
        if not fitting and (way := way_to(feature, known)) and set(way.sources) <= set(known):
            usual = {column.name: column for column in (*FOUR_MOMENTUM, MASS)}
            fitting = [usual.get(feature, infer_column(feature, "float64"))]
        if not fitting:
            raise JetDataError(
                f"{where}: {collection.name} has no column {feature!r}; {suggest(feature.strip('*?'), known)}"
            )
        chosen.update((column.name, column) for column in fitting)
    return Collection(collection.name, tuple(chosen.values()), collection.counter)
