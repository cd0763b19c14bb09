"""Read a compressed file without unpacking it: the columns and events that are asked for, and what these depend on."""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa

from atlas_keras.codec.columns.blocks import BlockReader
from atlas_keras.codec.columns.container import MAGIC, VERSION, Container, Index, Source
from atlas_keras.codec.columns.layout import arrow_type, put_together
from atlas_keras.codec.columns.plan import Head, LeafPlan, leaves_by_column
from atlas_keras.data.awkward_arrays import to_awkward
from atlas_keras.data.files import find_file
from atlas_keras.errors import JetDataError
from atlas_keras.suggestions import suggest
from atlas_keras.system import n_cores


class CompressedColumns:
    """A compressed file, opened: its columns as awkward arrays, Arrow tables or data frames, like a tree of uproot.

    Args:
        file: open for reading.
        name: of the file, for messages.
        model: path of the entropy model that the file was made with, where it is not embedded.

    Raises:
        JetDataError: no file of columns, a damaged one, or another model.

    Example:
        >>> with open_compressed("events.akc") as events:  # doctest: +SKIP
        ...     jets = events.arrays(["Jet_pt", "Jet_eta"], entry_stop=1000)
    """

    def __init__(self, file: Source, name: str, model: str | Path | None = None) -> None:
        self._container = Container.open(file, name)
        with naming(name):
            self.head = Head.from_bytes(self._container.head, lambda about: _plans_of(model, about.get("model")))
            shape = (len(self.head.blocks), len(self.head.plans))
            self.index = Index.from_bytes(self._container.index_content, *shape)
        self.name = name
        self._starts = self.index.starts
        self._leaves = leaves_by_column(self.head.plans)
        self._edges = np.append(0, np.cumsum(self.head.blocks, dtype=np.int64))
        self._others = _other_trees(self.head.about, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.file.close()

    @property
    def name_of_tree(self) -> str:
        """What the tree is called in the file that it comes from; empty where that has no name for it."""
        name: str = self.head.about.get("tree", "")
        return name

    @property
    def trees(self) -> list[str]:
        """Names of all trees of the file: its own, the largest one, first."""
        return [self.name_of_tree, *self._others]

    def tree(self, name: str) -> CompressedColumns:
        """Open one of the trees of the file; it is closed with the file.

        Raises:
            JetDataError: no such tree, or a damaged file.
        """
        if name == self.name_of_tree:
            return self
        if name not in self._others:
            raise JetDataError(f"{self.name}: there is no tree {name!r}; {suggest(name, self.trees)}")
        tree = CompressedColumns(self._container.part(*self._others[name]), f"{self.name}: tree {name}")
        tree._others.clear()  # a tree of a tree is none
        return tree

    @property
    def num_entries(self) -> int:
        """Number of events."""
        return self.head.n_events

    def keys(self, pattern: str = "*") -> list[str]:
        """Return the names of the columns that fit a pattern (`*` and `?`), in order."""
        return fnmatch.filter(self.head.columns, pattern)

    def typenames(self) -> dict[str, str]:
        """Return the types of all columns, as Arrow calls them."""
        return {name: str(arrow_type(node)) for name, node in self.head.columns.items()}

    def bounds(self) -> dict[str, str]:
        """Return the bounds of all columns, and of all parts of structs."""
        return {plan.leaf.name: str(plan.bound) for plan in self.head.plans if plan.leaf.role == "values"}

    def table(
        self, columns: str | Sequence[str] | None = None, entry_start: int = 0, entry_stop: int | None = None
    ) -> pa.Table:
        """Decode columns as an Arrow table with a row an event.

        Args:
            columns: names and patterns; None means all.
            entry_start, entry_stop: events from the first on, and before the second; negative ones count from the end.

        Raises:
            JetDataError: no such column, or a damaged file.
        """
        names = self._chosen(columns)
        start, stop, _ = slice(entry_start, entry_stop).indices(self.num_entries)
        schema = pa.schema([pa.field(name, arrow_type(self.head.columns[name])) for name in names])
        parts = list(self._blocks(names, start, stop))
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def arrays(
        self, columns: str | Sequence[str] | None = None, entry_start: int = 0, entry_stop: int | None = None
    ) -> Any:
        """Decode columns as an awkward array of records; the arguments are those of `table`."""
        return to_awkward(self.table(columns, entry_start, entry_stop).to_struct_array().combine_chunks())

    def to_pandas(
        self, columns: str | Sequence[str] | None = None, entry_start: int = 0, entry_stop: int | None = None
    ) -> Any:
        """Decode columns as a data frame, lists as arrays; the arguments are those of `table`."""
        return self.table(columns, entry_start, entry_stop).to_pandas()

    def iterate(self, columns: str | Sequence[str] | None = None, step_size: int | None = None) -> Iterator[Any]:
        """Decode columns as awkward arrays, some events at a time.

        Args:
            columns: names and patterns; None means all.
            step_size: number of events; None takes the blocks of the file, which is fastest.
        """
        edges = (
            self._edges.tolist() if step_size is None else [*range(0, self.num_entries, step_size), self.num_entries]
        )
        for start, stop in itertools.pairwise(edges):
            if stop > start:
                yield self.arrays(columns, start, stop)

    def tables(self, columns: str | Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Decode columns as Arrow tables, a block at a time."""
        yield from self._blocks(self._chosen(columns), 0, self.num_entries)

    def plans(self) -> dict[str, LeafPlan]:
        """Return how each leaf is coded, by its name."""
        return {plan.leaf.name: plan for plan in self.head.plans}

    def counters(self) -> dict[str, str]:
        """Return the column that always equals the lengths of the lists of a column, where there is one."""
        plans = self.head.plans
        found = {}
        for plan in plans:
            if plan.leaf.role == "counts" and plan.leaf.parent < 0 and plan.same_as >= 0:
                counter = plans[plan.same_as].leaf
                if counter.role == "values":
                    found[plan.leaf.column] = counter.column
        return found

    def column_bytes(self) -> dict[str, int]:
        """Return the bytes that each column takes in all blocks, its lengths with it; head and index are apart."""
        lengths = self.index.lengths.sum(axis=0)
        return {name: int(lengths[leaves].sum()) for name, leaves in self._leaves.items()}

    def other_bytes(self) -> tuple[int, int]:
        """Return the bytes of the head, with what is learned, and of the index; other trees are apart."""
        index = len(self._container.index_content)
        others = sum(size for _, size in self._others.values())
        return self._container.size - int(self.index.lengths.sum()) - index - others, index

    @property
    def digest(self) -> str:
        """What the file says of all its bytes: blake2b, 128 bits in hexadecimal digits."""
        return self._container.digest.hex()

    def check(self) -> None:
        """Compare the digest of the whole file, and decode all of it.

        Raises:
            JetDataError: the file is damaged.
        """
        self._container.check_digest()
        for name in self.trees:
            for _ in self.tree(name).tables():
                pass

    def _chosen(self, columns: str | Sequence[str] | None) -> list[str]:
        patterns = ["*"] if columns is None else [columns] if isinstance(columns, str) else list(columns)
        chosen: dict[str, None] = {}
        for pattern in patterns:
            found = [pattern] if pattern in self.head.columns else self.keys(pattern)
            if not found and columns is not None:
                raise JetDataError(
                    f"{self.name}: no column is called {pattern!r}; {suggest(pattern, self.head.columns)}"
                )
            chosen.update(dict.fromkeys(found))
        return list(chosen)

    def _blocks(self, names: list[str], start: int, stop: int) -> Iterator[pa.Table]:
        with ThreadPoolExecutor(n_cores()) as pool:
            for block, n_events in enumerate(self.head.blocks):
                begin, end = max(start - self._edges[block], 0), min(stop - self._edges[block], n_events)
                if begin < end:
                    with naming(f"{self.name}: block {block + 1}"):
                        table = self._block(block, n_events, names, pool)
                    yield table.slice(begin, end - begin)

    def _block(self, block: int, n_events: int, names: list[str], pool: ThreadPoolExecutor) -> pa.Table:
        def stream(leaf: int) -> bytes:
            return self._container.stream(self.index, self._starts, block, leaf)

        reader = BlockReader(self.head.plans, n_events, stream)
        wanted = [leaf for name in names for leaf in self._leaves[name]]
        values = iter(reader.read(wanted, pool))
        arrays = [put_together(values, self.head.columns[name], n_events) for name in names]
        if any(len(array) != n_events for array in arrays):
            raise JetDataError("a column has another number of events")
        return pa.table(arrays, names=names)


def _plans_of(model: str | Path | None, fingerprint: Any) -> dict[str, LeafPlan]:
    """Read the plans of an entropy model, and refuse another one than the file was made with."""
    if model is None:
        raise JetDataError(f"the file was made with the entropy model {fingerprint}, which has to be given")
    with open_compressed(model) as file:
        if file.digest != fingerprint:
            raise JetDataError(f"the file was made with the entropy model {fingerprint}; {model} is {file.digest}")
        return file.plans()


def _other_trees(about: dict[str, Any], name: str) -> dict[str, tuple[int, int]]:
    """Read where other trees begin in the file, and how long they are.

    Raises:
        JetDataError: a head that says something else.
    """
    own, said = about.get("tree", ""), about.get("trees", [])
    sound = (
        isinstance(own, str) and isinstance(said, list) and all(isinstance(one, list) and len(one) == 3 for one in said)
    )
    sound = sound and all(isinstance(n, str) and type(at) is int and type(size) is int for n, at, size in said)
    if not sound or len({one[0] for one in said} | {own}) <= len(said):
        raise JetDataError(f"{name}: the file is damaged: its trees make no sense")
    return {tree: (at, size) for tree, at, size in said}


def open_compressed(source: str | Path, model: str | Path | None = None, **storage_options: Any) -> CompressedColumns:
    """Open a compressed file, here or far away.

    Args:
        source: path or URL, of any kind that fsspec knows.
        model: path of the entropy model that the file was made with, where it is not embedded.
        storage_options: of fsspec.

    Raises:
        JetDataError: no file of columns, a damaged one, or a URL that gives none.
        OSError: there is no such file.
        MissingExtraError: a package is not installed that a URL needs.
    """
    file = find_file(source, **storage_options).open("rb")
    try:
        return CompressedColumns(file, str(source), model)
    except BaseException:
        file.close()
        raise


def is_compressed_columns(path: Path) -> bool:
    """Tell whether a file begins as a file of columns does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@contextlib.contextmanager
def naming(where: str) -> Iterator[None]:
    """Put the place in front of the message of an error, where it does not name it."""
    try:
        yield
    except JetDataError as error:
        text = str(error)
        if text.startswith(where.partition(": block")[0]):
            raise
        raise JetDataError(f"{where}: {text}") from error
    except (pa.ArrowException, ValueError, OverflowError, StopIteration) as error:
        raise JetDataError(f"{where}: the file is damaged ({error})") from error


def describe_columns(path: Path) -> dict[str, Any]:
    """Return what a file says of itself, as JSON can hold it.

    Raises:
        JetDataError: a damaged file.
    """
    with open_compressed(path) as file:
        others = {name: file.tree(name) for name in file.trees[1:]}
        return {
            "format_version": VERSION,
            **{key: value for key, value in file.head.about.items() if key != "trees"},
            **_described(file),
            "bytes": path.stat().st_size,
            "digest": file.digest,
            "other_trees": {name: _described(tree) for name, tree in others.items()},
        }


def _described(file: CompressedColumns) -> dict[str, Any]:
    (head, index), sizes, bounds = file.other_bytes(), file.column_bytes(), file.bounds()
    parts: dict[str, list[str]] = {}
    for plan in file.head.plans:
        if plan.leaf.role == "values":
            parts.setdefault(plan.leaf.column, []).append(bounds[plan.leaf.name])
    return {
        "n_events": file.num_entries,
        "n_blocks": len(file.head.blocks),
        "head_bytes": head,
        "index_bytes": index,
        "columns": {
            name: {
                "type": kind,
                "bound": ", ".join(dict.fromkeys(parts.get(name, ["exact"]))),
                "bytes": sizes[name],
            }
            for name, kind in file.typenames().items()
        },
    }
