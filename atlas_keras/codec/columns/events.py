"""What is read of a compressed file, whatever its coding: awkward arrays, Arrow tables, data frames, as of a tree."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.data.awkward_arrays import to_awkward
from atlas_keras.errors import ConfigError, JetDataError
from atlas_keras.patterns import fitting
from atlas_keras.suggestions import suggest


class CompressedEvents(ABC):
    """A tree of a compressed file, opened; a context manager.

    Args:
        name: of the file, for messages.
        about: what it says of its source: `tree`, `source`, `unit`.
        types: of its columns, by name, in order.
        edges: where its blocks begin, and where the last one ends [events].
    """

    def __init__(
        self, name: str, about: dict[str, Any], types: dict[str, pa.DataType], edges: NDArray[np.int64]
    ) -> None:
        self.name, self.about, self.types, self.edges = name, about, types, edges

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def bounds(self) -> dict[str, str]:
        """Return the bounds of all columns, and of all parts of structs."""

    @abstractmethod
    def check(self) -> None:
        """Compare the digest of the whole file, and decode all of it.

        Raises:
            JetDataError: the file is damaged.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what the file says of itself, as JSON can hold it."""

    @abstractmethod
    def _parts(self, names: list[str], start: int, stop: int) -> Iterator[pa.Table]:
        """Decode columns of some events, in pieces."""

    @property
    def num_entries(self) -> int:
        """Number of events."""
        return int(self.edges[-1])

    @property
    def n_blocks(self) -> int:
        """Number of blocks, each of which is decoded by itself."""
        return len(self.edges) - 1

    @property
    def name_of_tree(self) -> str:
        """What the tree is called in the file that it comes from; empty where that has no name for it."""
        name: str = self.about.get("tree", "")
        return name

    @property
    def trees(self) -> list[str]:
        """Names of all trees of the file: its own, the largest one, first."""
        return [self.name_of_tree]

    def tree(self, name: str) -> CompressedEvents:
        """Open one of the trees of the file; it is closed with the file.

        Raises:
            JetDataError: no such tree, or a damaged file.
        """
        if name != self.name_of_tree:
            raise JetDataError(f"{self.name}: there is no tree {name!r}; {suggest(name, self.trees)}")
        return self

    @property
    def nullable(self) -> frozenset[str]:
        """Columns in which values may be missing, at any level."""
        return frozenset(self.types)

    def counters(self) -> dict[str, str]:
        """Return the column that always equals the lengths of the lists of a column, where that is known."""
        return {}

    def keys(self, pattern: str = "*") -> list[str]:
        """Return the names of the columns that fit a pattern (`*` and `?`), in order."""
        return fitting(self.types, pattern)

    def typenames(self) -> dict[str, str]:
        """Return the types of all columns, as Arrow calls them."""
        return {name: str(kind) for name, kind in self.types.items()}

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
        parts = list(self._parts(names, start, stop))
        return (
            pa.concat_tables(parts) if parts else pa.schema([(name, self.types[name]) for name in names]).empty_table()
        )

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
            step_size: number of events; None takes the blocks of the file.

        Raises:
            ConfigError: a step of no events.
        """
        if step_size is not None and step_size < 1:
            raise ConfigError(f"step_size is at least 1 event. Received: {step_size}")
        edges = self.edges.tolist() if step_size is None else [*range(0, self.num_entries, step_size), self.num_entries]
        for start, stop in itertools.pairwise(edges):
            if stop > start:
                yield self.arrays(columns, start, stop)

    def tables(
        self, columns: str | Sequence[str] | None = None, first: int = 0, n_blocks: int | None = None
    ) -> Iterator[pa.Table]:
        """Decode columns as Arrow tables, a block at a time.

        Args:
            columns: names and patterns; None means all.
            first, n_blocks: of the blocks, counted from 0; None means all from the first one on.
        """
        last = self.n_blocks if n_blocks is None else min(first + n_blocks, self.n_blocks)
        yield from self._parts(self._chosen(columns), int(self.edges[first]), int(self.edges[last]))

    def _chosen(self, columns: str | Sequence[str] | None) -> list[str]:
        patterns = ["*"] if columns is None else [columns] if isinstance(columns, str) else list(columns)
        chosen: dict[str, None] = {}
        for pattern in patterns:
            found = [pattern] if pattern in self.types else self.keys(pattern)
            if not found and columns is not None:
                raise JetDataError(f"{self.name}: no column is called {pattern!r}; {suggest(pattern, self.types)}")
            chosen.update(dict.fromkeys(found))
        return list(chosen)
