"""The work on a file: how each of its trees is planned and coded block by block."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from atlas_keras.codec.columns.blocks import Values, encode_block, quantize
from atlas_keras.codec.columns.container import StreamWriter
from atlas_keras.codec.columns.head import Head, SharedModel
from atlas_keras.codec.columns.layout import Leaf, Node, layout_of
from atlas_keras.codec.columns.models import about_tree, leaf_values, read_model
from atlas_keras.codec.columns.momenta import Momenta
from atlas_keras.codec.columns.opening import refuse_compressed
from atlas_keras.codec.columns.plan import all_leaves
from atlas_keras.codec.columns.planning import plan_leaves
from atlas_keras.codec.columns.rules import BoundRules
from atlas_keras.codec.columns.threads import map_on_threads, threads
from atlas_keras.data.whole_files import WholeFile, WholeTree, open_whole
from atlas_keras.errors import JetDataError
from atlas_keras.schema import Bound, Column, Schema
from atlas_keras.system import n_threads

BOOK = 0.5  # of the events of the largest tree: a tree with fewer rows holds sums and conditions, and keeps every bit

Block = tuple[int, list[Values]]  # number of events, and quantized values
Coded = tuple[Head, int, list[bytes]]
Places = list[list[Any]]


def _code(head: Head, pool: Executor, block: Callable[[], Block]) -> Coded:
    n_events, quantized = block()
    return head, n_events, encode_block(head.plans, quantized, n_events, pool)


@dataclass(frozen=True)
class Work:
    """How a tree is compressed.

    Args:
        tree: of the source.
        rules: of the bounds.
        given: an entropy model, or None.
        embed: put what is used of it into the file.
        report: is called with all bounds.
        described: what is known of columns.
        nullable: whether values may be missing.
        first, n_blocks: of the blocks that are compressed; None means all from the first one on.
        like: head of a file of the same tree whose plans are taken; None makes them from the first block.
    """

    tree: WholeTree
    rules: BoundRules
    given: SharedModel | None
    embed: bool
    report: Callable[[dict[str, Bound]], None]
    described: dict[str, Column]
    nullable: bool = False
    first: int = 0
    n_blocks: int | None = None
    like: Head | None = None

    @cached_property
    def dropped(self) -> set[str]:
        """The columns that are left out."""
        return self.rules.dropped(self.tree.names, self.described)

    @property
    def names(self) -> list[str]:
        """The columns that are kept; JetDataError where none is."""
        names = [name for name in self.tree.names if name not in self.dropped]
        if not names:
            raise JetDataError(f"{self.tree.path}: no column is left to be compressed")
        return names

    @cached_property
    def momenta(self) -> Momenta:
        """The columns that are momenta."""
        return Momenta.declared(self.tree.contents.groups, self.names)

    def resolve(self, layouts: dict[str, Node]) -> tuple[list[Leaf], dict[str, Bound]]:
        """Find the bounds of all leaves that hold values, and report them."""
        leaves = all_leaves(layouts, self.momenta.late(list(layouts)))
        bounds = self.rules.resolve(self.tree.names, leaves, self.described)
        self.report(bounds)
        return leaves, bounds

    def head(self, table: pa.Table, pool: Executor) -> tuple[Head, list[Values]]:
        """Plan all columns from the first block; return its quantized values, too."""
        layouts = self.layouts(table)
        values = leaf_values(table, layouts, self.momenta.late(list(layouts)))
        leaves, bounds = self.resolve(layouts)
        n_all = max(self.tree.contents.n_events, table.num_rows)
        plans, quantized = plan_leaves(
            leaves, values, bounds, table.num_rows, n_all, pool, None if self.given is None else self.given.plans,
            momenta=self.momenta,
        )  # fmt: skip
        if self.embed:
            plans = tuple(replace(plan, is_external=False) for plan in plans)
        return Head(about_tree(self.tree), (), layouts, plans, self.momenta.late(list(layouts))), quantized

    def coded(self) -> Iterator[Coded]:
        """Code blocks: the head, which all of them have, the number of events, and the streams of each.

        Raises:
            UnexpectedNullError: a value is missing, and the layouts say that none is.
        """
        tables, n = itertools.islice(self.tree.tables(self.names, self.first), self.n_blocks), n_threads()
        with threads(n) as pool:
            head, begun = self._begin(tables, pool)
            further = (partial(self._quantize, head, table, pool) for table in tables)
            # Threads that have no leaf of one block to do have those of others; more blocks would only take memory.
            at_once = min(n, 1 + -(-n // max(len(head.plans), 1)))
            yield from map_on_threads(partial(_code, head, pool), itertools.chain(begun, further), at_once)

    def _begin(self, tables: Iterator[pa.Table], pool: Executor) -> tuple[Head, Iterator[Callable[[], Block]]]:
        """Return the head, and what gives the first block where it is planned from this."""
        if self.like is not None:
            return self.like, iter(())
        first = next(tables)
        head, quantized = self.head(first, pool)
        return head, iter([lambda: (first.num_rows, quantized)])

    def _quantize(self, head: Head, table: pa.Table, pool: Executor) -> Block:
        values = leaf_values(table, head.columns, self.momenta.late(list(head.columns)))
        return table.num_rows, quantize(head.plans, values, pool)

    def layouts(self, table: pa.Table) -> dict[str, Node]:
        """Say how each column of a block is laid out in leaves."""
        return {field.name: layout_of(field.type, nullable=self.nullable) for field in table.schema}

    def write(self, writer: StreamWriter, others: Callable[[], Places] = list) -> Head:
        """Write the tree as a file of columns.

        Args:
            writer: of the file.
            others: as of `write_blocks`.

        Raises:
            UnexpectedNullError: as `coded`.
        """
        return write_blocks(writer, self.coded(), others, None if self.embed else self.given)


def write_blocks(
    writer: StreamWriter, coded: Iterable[Coded], others: Callable[[], Places], model: SharedModel | None
) -> Head:
    """Write a file of columns.

    Args:
        writer: of the file.
        coded: of each block the head, which all have in common, the number of events, and the streams; at least one.
        others: writes the further trees behind the blocks: name, start and size of each.
        model: beside the file, or None.

    Returns:
        The head as it is written.
    """
    blocks: list[int] = []
    for one in coded:
        head, n_events, streams = one
        blocks.append(n_events)
        writer.block(streams)
    trees = others()
    about = {**head.about, "trees": trees} if trees else head.about
    head = replace(head, about=about, blocks=tuple(blocks))
    writer.close(head.pack(model), len(head.plans))
    return head


def prepare(
    source: str | Path,
    bounds: Sequence[str] = (),
    *,
    schema: Schema | None = None,
    columns: Sequence[str] = (),
    tree: str | None = None,
    model: str | Path | None = None,
    embed_model: bool = False,
    any_size: bool = False,
    report: Callable[[dict[str, Bound]], None] = lambda bounds: None,
) -> tuple[list[Work], WholeFile]:
    """Say how each tree of a file is compressed, the largest one first.

    Args:
        source, bounds, schema, columns, tree, model, embed_model, any_size, report: as of `compress_columns`.

    Raises:
        JetDataError, ConfigError: as `compress_columns`.
    """
    refuse_compressed(source)
    rules = BoundRules.parse(bounds)
    given = None if model is None else read_model(model)
    whole = open_whole(source, tree, columns, any_size=any_size)
    works = list(_works(whole, rules))
    described = works[0].described if schema is None else works[0].tree.described_by(schema)
    works[0] = replace(works[0], given=given, embed=embed_model, report=report, described=described)
    return works, whole


def _works(whole: WholeFile, rules: BoundRules) -> Iterator[Work]:
    for tree in whole.trees:
        others = [name for other in whole.trees if other is not tree for name in other.names]
        is_book = tree.contents.n_events < BOOK * whole.trees[0].contents.n_events
        own = rules.of_tree(tree.names, others, is_book=is_book)
        yield Work(tree, own, None, False, lambda bounds: None, tree.described)
