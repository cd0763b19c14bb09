"""Look into a file of any kind: what it holds, and what the values of its columns are like."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.contents import DEFAULT, FileContents, Group, TreeContents
from atlas_keras.data.find_collection import find_one
from atlas_keras.data.formats import format_of
from atlas_keras.data.naming import infer_column
from atlas_keras.data.paths import find_file
from atlas_keras.data.remote import is_url, told
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import way_to
from atlas_keras.patterns import fits
from atlas_keras.schema import FOUR_MOMENTUM, MASS, Collection, Column
from atlas_keras.suggestions import few, suggest

log = logging.getLogger(__name__)

EVENTS = 1000  # that are looked at
SPIKE = 0.01  # a value that more of the values have, in a column of many different ones, is told
FEW_VALUES = 48  # a column of no more different values is one of kinds, and has no spikes
MANTISSA = {4: 23, 8: 52}  # bits of a float


@dataclass(frozen=True)
class Values:
    """What the values of a column are like, in the first events.

    Args:
        n: how many were looked at.
        low, high: the range of the finite ones, exact where they are whole numbers; None where there are none.
        n_different: how many different ones.
        spikes: values that repeat far more often than their neighbors, with the part of the values that they are.
        mantissa_bits: that the floats have, where the rest of each is zero; None of other types.
        n_not_finite: NaN and infinite ones.
    """

    n: int
    low: int | float | None = None
    high: int | float | None = None
    n_different: int = 0
    spikes: tuple[tuple[float, float], ...] = ()
    mantissa_bits: int | None = None
    n_not_finite: int = 0


def read_contents(path: str | Path, tree: str | None = None) -> FileContents:
    """List what a file holds.

    Args:
        path: of the file.
        tree: name of one of its trees; None lists all.

    Raises:
        JetDataError: no such file, one of another kind, or a damaged one.
        MissingExtraError: uproot is not installed.
    """
    path = find_file(path)
    _refuse_folder(path)
    with told(path):
        form = format_of(path)
        form.check_tree(path, tree)
        return form.contents(path, tree)


def look_at(
    path: str | Path, tree: TreeContents, groups: tuple[Group, ...], *, any_size: bool = False
) -> dict[str, Values]:
    """Look at the values of columns in the first 1,000 events.

    Args:
        path: of the file.
        tree: of it.
        groups: collections of the tree; `tree.events` is one too.
        any_size: look at a file whatever it unfolds to.

    Returns:
        By the name of the column in the file; one that cannot be read is left out.
    """
    path, columns = find_file(path), {g.sources[column.name]: column for g in groups for column in g.collection}
    with told(path):
        found = dict(format_of(path).values(path, tree, set(columns), EVENTS, any_size))
    return {source: describe(found[source], column) for source, column in columns.items() if source in found}


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
        _number(different[0]),
        _number(different[-1]),
        len(different),
        spikes,
        _mantissa(different) if values.dtype.kind == "f" and values.dtype.itemsize in MANTISSA else None,
        len(values) - len(finite),
    )


def _number(value: np.generic) -> int | float:
    return float(value) if value.dtype.kind == "f" else int(value)


def _mantissa(values: NDArray) -> int:
    """Count the bits of mantissa that values use."""
    bits = MANTISSA[values.dtype.itemsize]
    raw = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    used = int(np.bitwise_or.reduce(raw)) & ((1 << bits) - 1)
    return 0 if used == 0 else bits - (used & -used).bit_length() + 1


def magic_of(path: Path) -> bytes:
    """Return the first four bytes of a file, by which its format is known.

    Raises:
        JetDataError: no such file, or a folder.
    """
    _refuse_folder(path)
    with told(path), path.open("rb") as stream:
        return stream.read(4)


def _refuse_folder(path: Path) -> None:
    if not is_url(path) and path.is_dir():
        raise JetDataError(f"{path}: is a folder; name a file in it")


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
    _, group = find_one(path, read_contents(path, tree).trees, name or DEFAULT)
    return choose_columns(group.collection, features, str(path))


def to_be_learned(collection: Collection, features: Sequence[str], where: str) -> Collection:
    """Leave out what no model should learn, unless it is named plainly: names of things, and columns that are dropped.

    Args:
        collection: whose columns were chosen.
        features: names and patterns by which they were.
        where: begins the message.

    Raises:
        JetDataError: nothing is left.
    """
    left_out = [
        column.name
        for column in collection
        if column.name not in features
        and (column.quantity == "id" or (column.bound is not None and column.bound.kind == "drop"))
    ]
    if not left_out:
        return collection
    columns = tuple(column for column in collection if column.name not in left_out)
    why = "names of things, or dropped by their bound"
    if not columns:
        raise JetDataError(f"{where}: all columns are {why}: {few(left_out)}; name those that are to be learned")
    log.info("not learned, as they are %s, unless --features names them: %s", why, few(left_out))
    return replace(collection, columns=columns)


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
        fitting = [column for column in known.values() if fits(column.name, feature)]
        if not fitting and (way := way_to(feature, known)) and set(way.sources) <= set(known):
            usual = {column.name: column for column in (*FOUR_MOMENTUM, MASS)}
            fitting = [usual.get(feature, infer_column(feature, "float64"))]
        if not fitting:
            raise JetDataError(
                f"{where}: {collection.name} has no column {feature!r}; {suggest(feature.strip('*?'), known)}"
            )
        chosen.update((column.name, column) for column in fitting)
    return Collection(collection.name, tuple(chosen.values()), collection.counter)
