"""The learned coding of a column: what its cells are measured from, its symbols, and the tree that weighs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Alphabet, Int
from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.column_rows import ColumnRows, symbols_before, symbols_of
from atlas_keras.codec.columns.compiled import call
from atlas_keras.codec.columns.features import DISTANCE, FIRST_LEAF, PREDICTED, feature_of, leaf_of
from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.linear import Predictor, Term
from atlas_keras.codec.columns.origin import ORIGINS, Fixed, Origin, Previous, renumbered, uses_of
from atlas_keras.codec.columns.range_coder import GROUP, MAX_TOTAL, UNIT
from atlas_keras.codec.columns.recoil import Recoil
from atlas_keras.codec.columns.row_coding import CELL, LARGEST, OWN, write_rows
from atlas_keras.codec.columns.tree import Tree
from atlas_keras.errors import JetDataError, RunError

STRENGTHS = (1, 2, 4, 8, 16, 32)  # rows that the prior of a leaf may count for
RAREST = 60  # quarters of a power of two below certain: the least likely symbol of a prior

NO_LEAVES = np.empty(0, np.int64)  # they are found as the rows are read


@dataclass(frozen=True)
class LearnedColumn:
    """The learned coding of a column.

    Args:
        origin: what residuals are measured from.
        alphabet: of the symbols.
        prior: how rare each symbol is, in quarters of powers of two, shape `(n_symbols,)`.
        strength: how many rows the prior counts for.
        tree: that tells leaves apart.
        shift: a step of cells is so many powers of two, as the tree sees the one before.
        counts: that the leaves begin with, in place of the prior, shape `(n_leaves, n_symbols)`; or None.
    """

    origin: Origin
    alphabet: Alphabet
    prior: NDArray[np.uint8]
    strength: int
    tree: Tree
    shift: int = 0
    counts: Int | None = None

    @property
    def uses(self) -> tuple[int, ...]:
        """Numbers of the features that have to be known."""
        return tuple(sorted({*self.tree.uses, *uses_of(self.origin)} - {PREDICTED, DISTANCE}))

    @property
    def leaves(self) -> set[int]:
        """The leaves of the file that have to be known."""
        return {leaf_of(use) for use in self.uses if use >= FIRST_LEAF}

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of its prediction."""
        return self.origin.terms if isinstance(self.origin, Predictor) else ()

    def encode(self, cells: Int, known: Known) -> bytes:
        """Write cells, and read them again.

        Args:
            cells: shape `(n,)`.
            known: the features of its rows.

        Raises:
            RunError: they do not come back, which is a fault of this package.
        """
        rows = ColumnRows.of(self, known)
        base, seen = rows.along(cells)
        symbols, offsets = symbols_of(cells, base, rows.first, self.origin, self.alphabet)
        if self.tree.looks_along:
            rows.features[OWN] = symbols_before(symbols, rows.first)
            rows.features[CELL : CELL + len(seen)] = seen
        leaves = rows.leaves()
        out = np.empty(24 * len(cells) + 16, np.uint8)
        n_specials, edges = len(self.alphabet.specials), self.alphabet.edges
        size = call(write_rows, symbols, offsets, leaves, *self.laid_out(), n_specials, edges, out, changed=(7,))
        if not np.array_equal(rows.read(out[:size], NO_LEAVES if self.tree.looks_along else leaves), cells):
            raise RunError("cells do not come back from their code; please report this")
        return out[:size].tobytes()

    def decode(self, content: bytes, known: Known) -> Int:
        """Read what `encode` wrote.

        Raises:
            JetDataError: content that it does not write, as far as it can be told.
        """
        rows = ColumnRows.of(self, known)
        leaves = NO_LEAVES if self.tree.looks_along else rows.leaves()
        try:
            return rows.read(np.frombuffer(content, np.uint8), leaves)
        except OverflowError:
            raise JetDataError("a column has cells beyond 64 bits") from None

    def laid_out(self) -> tuple[Int, int]:
        """Return counts as `take_symbol` has them, and how many numbers a leaf takes."""
        n_leaves, n_symbols = self.tree.n_leaves, self.alphabet.n_symbols
        counts = self.counts
        if counts is None:
            counts = np.broadcast_to(initial_counts(self.prior, self.strength), (n_leaves, n_symbols))
        n_groups = -(-n_symbols // GROUP)
        width = 1 + n_groups * (1 + GROUP)
        result = np.zeros((n_leaves, width), np.int64)
        result[:, 0] = counts.sum(axis=1)
        result[:, 1 + n_groups : 1 + n_groups + n_symbols] = counts
        groups = result[:, 1 + n_groups :].reshape(n_leaves, n_groups, GROUP)
        result[:, 1 : 1 + n_groups] = groups.sum(axis=2)
        return result.ravel(), width

    def write(self, writer: ByteWriter, terms: Mapping[Term, int]) -> None:
        """Write the model.

        Args:
            writer: for the bytes.
            terms: the places of all terms in the file.
        """
        flat = self._is_flat
        how = ORIGINS.index(type(self.origin))
        writer.number((STRENGTHS.index(self.strength) * 8 + 4 * flat + how) * 2 + (self.counts is not None))
        if isinstance(self.origin, Fixed | Previous):
            writer.signed(self.origin.cell)
        elif isinstance(self.origin, Predictor):
            self.origin.write(writer, terms)
        else:
            self.origin.write(writer)
        self.alphabet.write(writer)
        n = len(self.alphabet.specials)
        listed = np.append(self.prior[: n + flat], self.prior[-1:]) if flat else self.prior
        writer.content += listed.astype(np.uint8).tobytes()
        self.tree.write(writer)
        if CELL in self.tree.feature and not isinstance(self.origin, Recoil):
            writer.number(self.shift)
        if self.counts is not None:
            for count in self.counts.ravel():
                writer.number(int(count) - 1)

    @property
    def _is_flat(self) -> bool:
        n = len(self.alphabet.specials)
        return bool(np.all(self.prior[n:-1] == self.prior[n]))

    @classmethod
    def read(
        cls, reader: ByteReader, specials: Int, n_features: int, terms: Sequence[Term] = (), n_cells: int = 0
    ) -> LearnedColumn:
        """Read what `write` wrote.

        Args:
            reader: of the content.
            specials: of the quantizer.
            n_features: only these, the first ones, may be used.
            terms: all terms of the file.
            n_cells: of a turn, where the quantizer is one of angles; else 0.

        Raises:
            JetDataError: a model that cannot be.
        """
        rest, has_counts = divmod(reader.number(16 * len(STRENGTHS) - 1), 2)
        strength, rest = divmod(rest, 8)
        flat, how = divmod(rest, 4)
        origin = _read_origin(reader, ORIGINS[how], n_features, terms, n_cells)
        alphabet = Alphabet.read(reader, specials)
        n = len(specials)
        listed = reader.numbers(n + 2 if flat else alphabet.n_symbols, RAREST)
        prior = np.concatenate([listed[:n], np.full(alphabet.n_bins, listed[n]), listed[-1:]]) if flat else listed
        tree = Tree.read(reader, n_features)
        if DISTANCE in tree.uses and not isinstance(origin, Recoil):
            raise JetDataError("a column has a tree that looks at nothing")
        shift = reader.number(63) if CELL in tree.feature and not isinstance(origin, Recoil) else 0
        counts = None
        if has_counts:
            n_all = tree.n_leaves * alphabet.n_symbols
            counts = 1 + reader.numbers(n_all, MAX_TOTAL).reshape(tree.n_leaves, -1)
            if counts.sum(axis=1).max() > MAX_TOTAL:
                raise JetDataError("a column has impossible counts")
        return cls(origin, alphabet, prior.astype(np.uint8), STRENGTHS[strength], tree, shift, counts)

    def renumbered(self, places: Mapping[int, int]) -> LearnedColumn:
        """Return the same coding where the leaves that it uses have other places."""
        numbers = {
            use: use + feature_of(places[leaf_of(use)]) - feature_of(leaf_of(use))
            for use in self.uses
            if use >= FIRST_LEAF
        }
        numbers |= {use: use for use in range(FIRST_LEAF)}
        tree = replace(self.tree, uses=tuple(numbers[use] for use in self.tree.uses))
        return replace(self, tree=tree, origin=renumbered(self.origin, numbers))


def _read_origin(
    reader: ByteReader, kind: type[Origin], n_features: int, terms: Sequence[Term], n_cells: int
) -> Origin:
    if kind is Predictor:
        return Predictor.read(reader, n_features, terms)
    if kind is Recoil:
        return Recoil.read(reader, n_features, n_cells)
    cell = reader.signed()
    if abs(cell) > LARGEST:
        raise JetDataError("a column has an impossible start")
    return Fixed(cell) if kind is Fixed else Previous(cell)


def initial_counts(prior: NDArray[np.uint8], strength: int) -> Int:
    """Compute the counts that a leaf begins with: integers, the same on every machine."""
    weights = [(1 << 20 >> int(p) // 4) * (1024, 861, 724, 609)[int(p) % 4] for p in prior]
    total = sum(weights)
    return np.array([max(1, (strength * UNIT * w + total // 2) // total) for w in weights], np.int64)
