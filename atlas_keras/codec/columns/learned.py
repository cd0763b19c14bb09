"""The learned coding of a column: what its cells are measured from, its symbols, and the tree that weighs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Alphabet, Int
from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.compiled import call
from atlas_keras.codec.columns.features import LEFT, PREDICTED, RANK, Rows
from atlas_keras.codec.columns.linear import Predictor
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.range_coder import MAX_TOTAL, UNIT
from atlas_keras.codec.columns.row_coding import LARGEST, decode_rows, encode_rows
from atlas_keras.codec.columns.tree import Tree
from atlas_keras.errors import JetDataError, RunError

STRENGTHS = (1, 2, 4, 8, 16, 32)  # rows that the prior of a leaf may count for
RAREST = 60  # quarters of a power of two below certain: the least likely symbol of a prior

Known = Callable[[int], tuple[NDArray, NDArray[np.bool_]]]


@dataclass(frozen=True)
class LearnedColumn:
    """The learned coding of a column.

    Args:
        start: what residuals are measured from, where nothing is predicted.
        by_previous: measure from the last cell of the same list, and from `start` where there is none.
        predictor: of what residuals are measured from, or None.
        alphabet: of the symbols.
        prior: how rare each symbol is, in quarters of powers of two, shape `(n_symbols,)`.
        strength: how many rows the prior counts for.
        tree: that tells leaves apart.
        counts: that the leaves begin with, in place of the prior, shape `(n_leaves, n_symbols)`; or None.
    """

    start: int
    by_previous: bool
    predictor: Predictor | None
    alphabet: Alphabet
    prior: NDArray[np.uint8]
    strength: int
    tree: Tree
    counts: Int | None = None

    @property
    def uses(self) -> tuple[int, ...]:
        """Numbers of the features that have to be known."""
        terms = () if self.predictor is None else self.predictor.terms
        return tuple(sorted({*self.tree.uses, *(term.feature for term in terms)} - {PREDICTED}))

    def encode(self, cells: Int, rows: Rows, known: Known) -> bytes:
        """Write cells, and read them again.

        Args:
            cells: shape `(n,)`.
            rows: of the column.
            known: the values of a feature of `uses`, and which of them are no spikes.

        Raises:
            RunError: they do not come back, which is a fault of this package.
        """
        out = np.zeros(16 * len(cells) + 16, np.uint8)
        given = self._arguments(rows, known)
        arguments = (cells, *(a.copy() if isinstance(a, np.ndarray) else a for a in given))
        size = call(encode_rows, *arguments, out, np.zeros(3, np.int64), changed=(12,))
        back = np.zeros(len(cells), np.int64)
        call(decode_rows, out[:size], back, *given, np.zeros(3, np.int64), changed=(1,))
        if not np.array_equal(back, cells):
            raise RunError("cells do not come back from their code; please report this")
        return out[:size].tobytes()

    def decode(self, content: bytes, rows: Rows, known: Known) -> Int:
        """Read what `encode` wrote.

        Raises:
            JetDataError: content that it does not write, as far as it can be told.
        """
        cells = np.zeros(rows.n, np.int64)
        data = np.frombuffer(content, np.uint8)
        try:
            call(decode_rows, data, cells, *self._arguments(rows, known), np.zeros(3, np.int64), changed=(1,))
        except OverflowError:
            raise JetDataError("a column has cells beyond 64 bits") from None
        return cells

    def _arguments(self, rows: Rows, known: Known) -> tuple:
        if self.counts is not None:
            counts, totals = self.counts.ravel().copy(), self.counts.sum(axis=1)
        else:
            prior, n = initial_counts(self.prior, self.strength), self.tree.n_leaves
            counts, totals = np.tile(prior, n), np.full(n, prior.sum())
        tree = (self.tree.feature, self.tree.threshold, self.tree.child)
        base = np.array([self.start]) if self.predictor is None else self.predictor.predict(known, rows.n)
        base = base if len(base) else np.zeros(1, np.int64)
        flat = stacked(self.tree.uses, rows, known, base).ravel()
        symbols = (self.alphabet.specials, self.alphabet.edges)
        return base, rows.first, self.by_previous, flat, *tree, counts, totals, *symbols

    def write(self, writer: ByteWriter) -> None:
        """Write the model."""
        flat = self._is_flat
        how = 2 if self.predictor is not None else int(self.by_previous)
        writer.number((STRENGTHS.index(self.strength) * 6 + 3 * flat + how) * 2 + (self.counts is not None))
        if self.predictor is None:
            writer.signed(self.start)
        else:
            self.predictor.write(writer)
        self.alphabet.write(writer)
        n = len(self.alphabet.specials)
        listed = np.append(self.prior[: n + flat], self.prior[-1:]) if flat else self.prior
        writer.content += listed.astype(np.uint8).tobytes()
        self.tree.write(writer)
        if self.counts is not None:
            for count in self.counts.ravel():
                writer.number(int(count) - 1)

    @property
    def _is_flat(self) -> bool:
        n = len(self.alphabet.specials)
        return bool(np.all(self.prior[n:-1] == self.prior[n]))

    @classmethod
    def read(cls, reader: ByteReader, specials: Int, n_features: int) -> LearnedColumn:
        """Read what `write` wrote.

        Args:
            reader: of the content.
            specials: of the quantizer.
            n_features: only these, the first ones, may be used.

        Raises:
            JetDataError: a model that cannot be.
        """
        rest, has_counts = divmod(reader.number(12 * len(STRENGTHS) - 1), 2)
        strength, rest = divmod(rest, 6)
        flat, how = divmod(rest, 3)
        predictor = Predictor.read(reader, n_features) if how == 2 else None
        start = reader.signed() if predictor is None else 0
        if abs(start) > LARGEST:
            raise JetDataError("a column has an impossible start")
        alphabet = Alphabet.read(reader, specials)
        n = len(specials)
        listed = [reader.number(RAREST) for _ in range(n + 2 if flat else alphabet.n_symbols)]
        prior = [*listed[:n], *[listed[n]] * alphabet.n_bins, listed[-1]] if flat else listed
        tree = Tree.read(reader, n_features)
        counts = None
        if has_counts:
            n_all = tree.n_leaves * alphabet.n_symbols
            counts = np.array([reader.number(MAX_TOTAL) + 1 for _ in range(n_all)]).reshape(tree.n_leaves, -1)
            if counts.sum(axis=1).max() > MAX_TOTAL:
                raise JetDataError("a column has impossible counts")
        return cls(start, how == 1, predictor, alphabet, np.array(prior, np.uint8), STRENGTHS[strength], tree, counts)

    def renumbered(self, numbers: Mapping[int, int]) -> LearnedColumn:
        """Return the same coding for other numbers of the features it uses."""
        tree = replace(self.tree, uses=tuple(numbers.get(use, use) for use in self.tree.uses))
        predictor = self.predictor
        if predictor is not None:
            terms = tuple(replace(term, feature=numbers[term.feature]) for term in predictor.terms)
            predictor = replace(predictor, terms=terms)
        return replace(self, tree=tree, predictor=predictor)


def initial_counts(prior: NDArray[np.uint8], strength: int) -> Int:
    """Compute the counts that a leaf begins with: integers, the same on every machine."""
    weights = [(1 << 20 >> int(p) // 4) * (1024, 861, 724, 609)[int(p) % 4] for p in prior]
    total = sum(weights)
    return np.array([max(1, (strength * UNIT * w + total // 2) // total) for w in weights], np.int64)


def stacked(uses: Sequence[int], rows: Rows, known: Known, base: Int) -> NDArray[np.int16]:
    """Return features as trees look at them, shape `(n_uses, n)`.

    Args:
        uses: numbers of the features.
        rows: of the column.
        known: their values.
        base: what cells are measured from, of one or of all rows.

    Raises:
        JetDataError: a feature has other rows.
    """
    features = np.empty((len(uses), rows.n), np.int16)
    for k, use in enumerate(uses):
        values = known(use)[0] if use != PREDICTED else np.broadcast_to(base, rows.n)
        if len(values) != rows.n:
            raise JetDataError("a column depends on one with other rows")
        features[k] = values if use in (RANK, LEFT) else features_of(values)
    return features
