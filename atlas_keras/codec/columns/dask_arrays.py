"""Compressed files as one lazy array of dask-awkward: a partition for each block; used columns alone are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from atlas_keras import extras
from atlas_keras.codec.columns.events import CompressedEvents
from atlas_keras.codec.columns.opening import open_compressed
from atlas_keras.errors import JetDataError

try:
    import awkward as ak
    from dask_awkward import from_map
    from dask_awkward.lib.io.columnar import ColumnProjectionMixin
    from dask_awkward.lib.unproject_layout import unproject_layout
except ImportError:
    ColumnProjectionMixin = object


class _Reader(ColumnProjectionMixin):
    """Reads a block of a file: the columns that a computation turns out to need.

    Args:
        form: of all columns, as awkward has it.
        columns: that are read.
        model: path of the entropy model that the files were made with, where it is not embedded.
    """

    use_optimization, behavior, attrs = True, None, None

    def __init__(self, form: Any, columns: Sequence[str], model: str | Path | None) -> None:
        self.form, self.columns, self.model = form, tuple(columns), model

    def project_columns(self, columns: Iterable[str]) -> Self:
        """Return a reader of fewer columns: those that hold parts with these names."""
        wanted = tuple(columns)
        kept = [own for own in self.columns if any(f"{one}.".startswith(f"{own}.") for one in wanted)]
        return type(self)(self.form, kept or self.columns[:1], self.model)

    def __call__(self, block: tuple[str, int, int]) -> Any:
        """Read a block: its file, its first event, and the one behind its last."""
        path, start, stop = block
        with open_compressed(path, self.model) as file:
            array = file.arrays(self.columns, start, stop)
        return ak.Array(unproject_layout(self.form, ak.enforce_type(array, _type(self.form, self.columns)).layout))


def dask_arrays(
    sources: str | Path | Sequence[str | Path],
    columns: str | Sequence[str] | None = None,
    model: str | Path | None = None,
) -> Any:
    """Open compressed files as one array of dask-awkward, which reads nothing but their heads.

    Args:
        sources: files of `compress_columns`, or their URLs, with the same columns.
        columns: names and patterns of the columns; None means all.
        model: path of the entropy model that the files were made with, where it is not embedded.

    Raises:
        JetDataError: no compressed file, a damaged one, no such column, or files whose columns differ.
        MissingExtraError: dask-awkward is not installed.

    Example:
        >>> import atlas_keras
        >>> events = atlas_keras.dask_arrays(["a.akc", "b.akc"])  # doctest: +SKIP
        >>> events.Jet_pt[events.nJet > 1].compute()  # doctest: +SKIP
    """
    extras.require("dask_awkward")
    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    blocks: list[tuple[str, int, int]] = []
    forms = []
    for path in paths:
        with open_compressed(path, model) as file:
            forms.append(_form(file, columns))
            blocks += [(str(path), start, stop) for start, stop in pairwise(file.edges.tolist()) if stop > start]
        if forms[-1].type != forms[0].type:
            raise JetDataError(f"{path}: has other columns than {paths[0]}, or of other types")
    divisions = [0]
    for _, start, stop in blocks:
        divisions.append(divisions[-1] + stop - start)
    reader = _Reader(forms[0], forms[0].fields, model)
    return from_map(reader, blocks or [(str(paths[0]), 0, 0)], divisions=tuple(divisions if blocks else (0, 0)))


def _form(file: CompressedEvents, columns: str | Sequence[str] | None) -> Any:
    """Return the form of columns, with options where values may be missing: it is the same in all blocks."""
    types = {name: file.types[name] for name in file.table(columns, 0, 0).column_names}
    fields = [
        pa.field(name, kind) if name in file.nullable else pa.field(name, _complete(kind), nullable=False)
        for name, kind in types.items()
    ]
    return ak.from_arrow_schema(pa.schema(fields))


def _complete(kind: pa.DataType) -> pa.DataType:
    """Return a type that says of itself that no part of its values is missing."""
    if pa.types.is_list(kind):
        return pa.list_(pa.field("item", _complete(kind.value_type), nullable=False))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(part.name, _complete(part.type), nullable=False) for part in kind])
    return kind


def _type(form: Any, columns: Sequence[str]) -> Any:
    return ak.types.RecordType([form.content(name).type for name in columns], list(columns))
