"""Read a compressed file without unpacking it: the columns and events that are asked for, and what these depend on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from atlas_keras.codec.columns.block_reader import BlockReader
from atlas_keras.codec.columns.container import MAGIC, VERSION, Container, Index, Source, StreamWriter
from atlas_keras.codec.columns.events import CompressedEvents
from atlas_keras.codec.columns.head import Head, SharedModel
from atlas_keras.codec.columns.layout import arrow_type, put_together
from atlas_keras.codec.columns.plan import LeafPlan, leaves_by_column
from atlas_keras.codec.columns.threads import map_on_threads, threads
from atlas_keras.data.paths import find_file
from atlas_keras.errors import JetDataError
from atlas_keras.system import n_threads


class CompressedColumns(CompressedEvents):
    """A file of columns, opened: its columns as awkward arrays, Arrow tables or data frames, like a tree of uproot.

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
            self.head = Head.unpack(self._container.head, lambda fingerprint: _model_of(model, fingerprint))
            shape = (len(self.head.blocks), len(self.head.plans))
            self.index = Index.from_bytes(self._container.index_content, *shape)
        types = {name: arrow_type(node) for name, node in self.head.columns.items()}
        super().__init__(name, self.head.about, types, np.append(0, np.cumsum(self.head.blocks, dtype=np.int64)))
        self._reading = Lock()  # of the file, by threads, and by its other trees
        self._starts = self.index.starts
        self._leaves = leaves_by_column(self.head.plans)
        self._others = _other_trees(self.head.about, name)

    def close(self) -> None:
        """Close the file."""
        self._container.file.close()

    @property
    def trees(self) -> list[str]:
        """Names of all trees of the file: its own, the largest one, first."""
        return [self.name_of_tree, *self._others]

    def tree(self, name: str) -> CompressedEvents:
        """Open one of the trees of the file; it is closed with the file.

        Raises:
            JetDataError: no such tree, or a damaged file.
        """
        if name not in self._others:
            return super().tree(name)
        return self._tree(name)

    def _tree(self, name: str) -> CompressedColumns:
        tree = CompressedColumns(self._container.part(*self._others[name]), f"{self.name}: tree {name}")
        tree._reading = self._reading
        tree._others.clear()  # a tree of a tree is none
        return tree

    @property
    def nullable(self) -> frozenset[str]:
        """Columns in which values may be missing, at any level."""
        return frozenset(plan.leaf.column for plan in self.head.plans if plan.leaf.role == "valid")

    def bounds(self) -> dict[str, str]:
        """Return the bounds of all columns, and of all parts of structs."""
        return {plan.leaf.name: str(plan.bound) for plan in self.head.plans if plan.leaf.role == "values"}

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

    def describe(self) -> dict[str, Any]:
        """Return what the file says of itself, as JSON can hold it."""
        trees = {name: self._tree(name)._described() for name in self._others}
        about = {key: value for key, value in self.about.items() if key != "trees"}
        whole = {"bytes": self._container.size, "digest": self.digest, "other_trees": trees}
        return {"format_version": VERSION, "coding": "entropy", **about, **self._described(), **whole}

    def _described(self) -> dict[str, Any]:
        (head, index), sizes, bounds = self.other_bytes(), self.column_bytes(), self.bounds()
        parts: dict[str, list[str]] = {}
        for plan in self.head.plans:
            if plan.leaf.role == "values":
                parts.setdefault(plan.leaf.column, []).append(bounds[plan.leaf.name])
        return {
            "n_events": self.num_entries,
            "n_blocks": len(self.head.blocks),
            "head_bytes": head,
            "index_bytes": index,
            "columns": {
                name: {
                    "type": kind,
                    "bound": ", ".join(dict.fromkeys(parts.get(name, ["exact"]))),
                    "bytes": sizes[name],
                }
                for name, kind in self.typenames().items()
            },
        }

    def streams(self) -> Iterator[list[bytes]]:
        """Yield the streams of each block, as they are in the file, each compared with its checksum.

        Raises:
            JetDataError: the file is damaged.
        """
        for block in range(len(self.head.blocks)):
            leaves = range(len(self.head.plans))
            yield [self._container.stream(self.index, self._starts, block, leaf) for leaf in leaves]

    def copy_trees(self, writer: StreamWriter) -> list[list[Any]]:
        """Copy the other trees to another file, as they are: name, start and size of each there.

        Raises:
            JetDataError: the file is damaged.
        """
        self._container.check_digest()
        found = []
        for name, (start, size) in self._others.items():
            found.append([name, writer.size, size])
            writer.copy(self._container.part(start, size))
        return found

    def check(self) -> None:
        """Compare the digest of the whole file, and decode all of it.

        Raises:
            JetDataError: the file is damaged.
        """
        self._container.check_digest()
        for name in self.trees:
            for _ in self.tree(name).tables():
                pass

    def _parts(self, names: list[str], start: int, stop: int) -> Iterator[pa.Table]:
        """Decode blocks, some at once; a single one with its columns at once, as far as they do not wait for others."""
        parts = []
        for block, n_events in enumerate(self.head.blocks):
            begin, end = max(start - self.edges[block], 0), min(stop - self.edges[block], n_events)
            if begin < end:
                parts.append((block, begin, end))
        with threads(1 if len(parts) > 1 else n_threads()) as pool:
            yield from map_on_threads(lambda part: self._block(*part, names, pool), parts, n_threads())

    def _block(self, block: int, begin: int, end: int, names: list[str], pool: Executor) -> pa.Table:
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
    with open_columns(model) as file:
        if file.digest != fingerprint:
            raise JetDataError(f"the file was made with the entropy model {fingerprint}; {model} is {file.digest}")
        return SharedModel.of(file.head, file.digest)


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


def open_columns(source: str | Path, model: str | Path | None = None, **storage_options: Any) -> CompressedColumns:
    """Open a file of columns, here or far away; the arguments are those of `open_compressed`.

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
