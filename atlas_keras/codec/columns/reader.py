"""Read a compressed file without unpacking it: the columns and events that are asked for, and what these depend on."""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import pyarrow as pa

from atlas_keras import extras
from atlas_keras.codec.columns.block_reader import BlockReader, Immediate
from atlas_keras.codec.columns.container import MAGIC, VERSION, Container, Index
from atlas_keras.codec.columns.layout import arrow_type, put_together
from atlas_keras.codec.columns.plan import Head, LeafPlan, SharedModel, leaves_by_column
from atlas_keras.data.awkward_arrays import to_awkward
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

    def __init__(self, file: IO[bytes], name: str, model: str | Path | None = None) -> None:
        self._container = Container.open(file, name)
        with naming(name):
            self.head = Head.unpack(self._container.head, lambda fingerprint: _model_of(model, fingerprint))
            shape = (len(self.head.blocks), len(self.head.plans))
            self.index = Index.from_bytes(self._container.index_content, *shape)
        self.name, self._reading = name, Lock()
        self._starts = self.index.starts
        self._leaves = leaves_by_column(self.head.plans)
        self._edges = np.append(0, np.cumsum(self.head.blocks, dtype=np.int64))

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
        """Return the bytes of the head, with what is learned, and of the index."""
        index = len(self._container.index_content)
        return self._container.size - int(self.index.lengths.sum()) - index, index

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
        for _ in self.tables():
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
        """Decode blocks, some at once; a single one with its columns at once, as far as they do not wait for others."""
        parts = []
        for block, n_events in enumerate(self.head.blocks):
            begin, end = max(start - self._edges[block], 0), min(stop - self._edges[block], n_events)
            if begin < end:
                parts.append((block, begin, end))
        with ThreadPoolExecutor(n_cores()) as pool:
            if len(parts) == 1:
                yield self._block(*parts[0], names, pool)
                return
            ahead: deque[Future[pa.Table]] = deque()
            for part in parts:
                ahead.append(pool.submit(self._block, *part, names, Immediate()))
                if len(ahead) > n_cores():
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _block(
        self, block: int, begin: int, end: int, names: list[str], pool: ThreadPoolExecutor | Immediate
    ) -> pa.Table:
        def stream(leaf: int) -> bytes:
            with self._reading:
                return self._container.stream(self.index, self._starts, block, leaf)

        with naming(f"{self.name}: block {block + 1}"):
            n_events = self.head.blocks[block]
            reader = BlockReader(self.head.plans, n_events, stream)
            wanted = [leaf for name in names for leaf in self._leaves[name]]
            values = iter(reader.read(wanted, pool))
            arrays = [put_together(values, self.head.columns[name], n_events) for name in names]
            if any(len(array) != n_events for array in arrays):
                raise JetDataError("a column has another number of events")
            return pa.table(arrays, names=names).slice(begin, end - begin)


def _model_of(model: str | Path | None, fingerprint: str) -> SharedModel:
    """Read an entropy model, and refuse another one than the file was made with."""
    if model is None:
        raise JetDataError(f"the file was made with the entropy model {fingerprint}, which has to be given")
    with open_compressed(model) as file:
        if file.digest != fingerprint:
            raise JetDataError(f"the file was made with the entropy model {fingerprint}; {model} is {file.digest}")
        return SharedModel.of(file.head, file.digest)


def open_compressed(source: str | Path, model: str | Path | None = None, **storage_options: Any) -> CompressedColumns:
    """Open a compressed file, here or far away.

    Args:
        source: path or URL, of any kind that fsspec knows.
        model: path of the entropy model that the file was made with, where it is not embedded.
        storage_options: of fsspec.

    Raises:
        JetDataError: no file of columns, or a damaged one.
        OSError: there is no such file.
    """
    if "://" in str(source):
        extras.require("fsspec")
        import fsspec

        file = fsspec.open(str(source), "rb", **storage_options).open()
    else:
        file = Path(source).open("rb")  # noqa: SIM115 closed by what is returned
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
        (head, index), sizes, bounds = file.other_bytes(), file.column_bytes(), file.bounds()
        parts: dict[str, list[str]] = {}
        for plan in file.head.plans:
            if plan.leaf.role == "values":
                parts.setdefault(plan.leaf.column, []).append(bounds[plan.leaf.name])
        return {
            "format_version": VERSION,
            **file.head.about,
            "n_events": file.num_entries,
            "n_blocks": len(file.head.blocks),
            "bytes": path.stat().st_size,
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
            "digest": file.digest,
        }
