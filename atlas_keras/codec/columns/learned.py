"""The learned coding of a column: what its cells are measured from, its symbols, and the tree that weighs them.

It is fitted on a sample and written into the file, or into an entropy model of its own; so what it costs is weighed
against what it saves: a split, an interval, a finer prior is there only where it pays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Alphabet, Int
from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.compiled import call
from atlas_keras.codec.columns.features import LEFT, PREDICTED, RANK, Candidate, Rows
from atlas_keras.codec.columns.growth import MAX_LEAVES, grow, screen
from atlas_keras.codec.columns.linear import TERM_BITS, Predictor, fit_predictor
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.range_coder import MAX_TOTAL, UNIT
from atlas_keras.codec.columns.row_coding import LARGEST, NONE, OWN, decode_rows, encode_rows
from atlas_keras.errors import JetDataError, RunError

STRENGTHS = (1, 2, 4, 8, 16, 32)  # rows that the prior of a leaf may count for
RAREST = 60  # quarters of a power of two below certain: the least likely symbol of a prior
SPLIT_BITS = 13.0  # that a split takes in the file, without the choice of its feature
EDGE_BITS = 9.0
PRIOR_BITS = 4.0  # of a symbol
MIN_ROWS, MIN_WARM = 8, 60  # in a leaf; of a tree whose counts are kept
INHERITED = 64.0  # rows that the density of a parent counts for, where counts are kept
MAX_FEATURES = 32  # that a tree is offered
SCREENED = 4000  # rows that choose these
MAX_SEEN = 1 << 13  # rows that a leaf begins with at most
MIN_PREDICTED = 2000  # rows that a prediction may pay for

Known = Callable[[int], tuple[NDArray, NDArray[np.bool_]]]
Offer = tuple[int, str, NDArray, NDArray[np.bool_]]  # of `fit_predictor`


@dataclass(frozen=True)
class Tree:
    """A tree over features.

    Args:
        feature: that a node looks at: OWN, or 1 + a place in `uses`; -1 in a leaf.
        threshold: what is above goes right.
        child: index of the left child, which the right one follows; in a leaf its number.
        uses: numbers of the features.
    """

    feature: Int
    threshold: Int
    child: Int
    uses: tuple[int, ...]

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int((self.feature < 0).sum())

    @classmethod
    def of(cls, nodes: Sequence[tuple[int, int, int]], candidates: Sequence[Candidate]) -> Tree:
        """Make a tree of the nodes that `grow` gives; the first candidate is the symbol before."""
        used = sorted({f for f, _, _ in nodes if f > 0})
        place = {-1: -1, 0: OWN, **{f: 1 + at for at, f in enumerate(used)}}
        feature = np.array([place[f] for f, _, _ in nodes])
        threshold = np.array([candidates[f].thresholds[cut] if f >= 0 else 0 for f, cut, _ in nodes])
        child = np.array([c for _, _, c in nodes])
        child[feature < 0] = np.arange((feature < 0).sum())
        return cls(feature, threshold, child, tuple(candidates[f].number for f in used))

    def leaves(self, features: NDArray[np.int16], own: Int) -> Int:
        """Find the leaf of each row.

        Args:
            features: of `uses`, shape `(n_uses, n)`.
            own: the symbol of the row before, shape `(n,)`.
        """
        node = np.zeros(len(own), np.int64)
        stacked = np.concatenate([own[None], features.astype(np.int64)])
        rows = np.arange(len(own))
        while len(at := rows[self.feature[node[rows]] >= 0]):
            here, rows = node[at], at
            node[at] = self.child[here] + (stacked[self.feature[here], at] > self.threshold[here])
        return self.child[node]

    def write(self, writer: ByteWriter) -> None:
        """Write the nodes in order; children follow from it."""
        for feature, threshold in zip(self.feature, self.threshold, strict=True):
            number = 0 if feature < 0 else 1 if feature == OWN else 2 + self.uses[feature - 1]
            writer.number(number)
            if number:
                zeros = 15 if threshold == 0 else min((int(threshold) & -int(threshold)).bit_length() - 1, 15)
                mantissa = int(threshold) >> zeros
                writer.number((2 * mantissa if mantissa >= 0 else -2 * mantissa - 1) * 16 + zeros)

    @classmethod
    def read(cls, reader: ByteReader, n_features: int) -> Tree:
        """Read what `write` wrote.

        Args:
            reader: of the content.
            n_features: only these, the first ones, may be used.

        Raises:
            JetDataError: a tree that cannot be.
        """
        numbers, threshold, child = [], [], []
        open_nodes = 1
        while open_nodes:
            number = reader.number(n_features + 1)
            numbers.append(number)
            threshold.append(0)
            child.append(0)
            open_nodes -= 1
            if number:
                zigzag, zeros = divmod(reader.number(1 << 24), 16)
                threshold[-1] = (-(zigzag + 1 >> 1) if zigzag & 1 else zigzag >> 1) << zeros
                child[-1] = len(numbers) + open_nodes
                open_nodes += 2
            if len(numbers) > 2 * MAX_LEAVES:
                raise JetDataError("a column has a tree of too many leaves")
        feature = np.array(numbers, np.int64)
        uses = np.unique(feature[feature > 1])
        places = np.where(feature > 1, 1 + np.searchsorted(uses, feature), np.where(feature == 1, OWN, -1))
        children = np.array(child, np.int64)
        children[feature == 0] = np.arange((feature == 0).sum())
        return cls(places, np.array(threshold, np.int64), children, tuple(int(u) - 2 for u in uses))


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


def warm_counts(tree: Tree, table: Int, dens: NDArray[np.float64]) -> Int:
    """Return counts for leaves to begin with: those that were met, and the density of the parent as a prior.

    Args:
        tree: of the leaves.
        table: how often each leaf had each symbol, shape `(n_leaves, n_symbols)`.
        dens: of the symbols, before any was met.
    """
    nodes = np.zeros((len(tree.feature), table.shape[1]))
    for at in range(len(nodes) - 1, -1, -1):  # children stand behind their parents
        child = tree.child[at]
        nodes[at] = table[child] if tree.feature[at] < 0 else nodes[child] + nodes[child + 1]
    parents = np.zeros(len(nodes), np.int64)
    inner = np.flatnonzero(tree.feature >= 0)
    parents[tree.child[inner]] = parents[tree.child[inner] + 1] = inner
    smooth = np.empty_like(nodes)
    for at, counts in enumerate(nodes):
        above = smooth[parents[at]] if at else dens
        smooth[at] = (counts + INHERITED * above) / (counts.sum() + INHERITED)
    leaves = tree.feature < 0
    n = np.minimum(nodes[leaves].sum(axis=1, keepdims=True) + INHERITED, MAX_SEEN)
    found = np.empty(table.shape, np.int64)
    found[tree.child[leaves]] = np.maximum(np.rint(smooth[leaves] * n * UNIT), 1)
    return found


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


def residuals_of(cells: Int, special: NDArray[np.bool_], rows: Rows, start: Int, by_previous: bool) -> Int:
    """Compute what is left of cells: as `encode_rows` does, for all rows at once.

    Args:
        cells: shape `(n,)`.
        special: which have a symbol of their own, or no residual.
        rows: of the column.
        start: what cells are measured from, of one or of all rows.
        by_previous: measure from the row before.
    """
    if not by_previous:
        return np.where(special, 0, cells - start)
    at = np.where(special, -1, np.arange(len(cells)))
    before = np.append(-1, np.maximum.accumulate(at)[:-1])
    begin = np.maximum.accumulate(np.where(rows.first > 0, np.arange(len(cells)), 0))
    return np.where(special, 0, cells - np.where(before >= begin, cells[before], start))


def fit_column(
    cells: Int,
    specials: Int,
    rows: Rows,
    candidates: Sequence[Candidate],
    offered: Sequence[Offer] = (),
    weight: float = 1.0,
    *,
    warm: bool = False,
) -> tuple[LearnedColumn, float]:
    """Fit the learned coding of a column.

    Args:
        cells: of a sample, shape `(n,)`.
        specials: of the quantizer.
        rows: of the sample.
        candidates: features of the sample.
        offered: what a prediction may be made of.
        weight: how many rows are to be coded for each one of the sample.
        warm: keep how often symbols were met, for other files to begin with, whatever that takes.

    Returns:
        The model, and the bits that it takes: for the sample, with its own size over the weight.
    """
    special = (np.abs(cells) >= LARGEST) if not len(specials) else (cells >= specials[0]) | (np.abs(cells) >= LARGEST)
    regular = cells[~special]
    start = int(np.median(regular)) if len(regular) else 0
    base = np.array([start])
    tried = [_Trial(cells, specials, special, rows, base, False)]
    if len(regular) and not rows.first.all():
        tried.append(_Trial(cells, specials, special, rows, base, True))
    if len(regular) * weight > MIN_PREDICTED and (predictor := fit_predictor(cells, ~special, offered)):
        values = {feature: (x, known) for feature, _, x, known in offered}
        base = predictor.predict(values.__getitem__, len(cells))
        tried.append(_Trial(cells, specials, special, rows, base, False, predictor))
    n_bins = _numbers_of_bins(len(regular), weight)
    middle = n_bins[len(n_bins) // 2]
    found = [(trial.fit(middle, candidates, weight, warm), trial) for trial in tried]
    best, chosen = min(found, key=lambda item: item[0][1])
    others = [chosen.fit(n, candidates, weight, warm) for n in n_bins if n != middle]
    return min([best, *others], key=lambda item: item[1])


def _numbers_of_bins(n: int, weight: float) -> list[int]:
    most = max(2, n * weight / 8)
    return [k for k in (2, 4, 8, 16, 32, 64) if k <= most and (k >= 16 or n * weight < 20_000)] or [2]


@dataclass(frozen=True)
class _Trial:
    """What residuals are measured from, to be tried.

    Args:
        cells, specials, special, rows, base, by_previous: as of `residuals_of`.
        predictor: that base comes from, or None.
    """

    cells: Int
    specials: Int
    special: NDArray[np.bool_]
    rows: Rows
    base: Int
    by_previous: bool
    predictor: Predictor | None = None

    def fit(
        self, n_bins: int, candidates: Sequence[Candidate], weight: float, warm: bool
    ) -> tuple[LearnedColumn, float]:
        """Fit symbols, prior and tree; give the bits, too."""
        residuals = residuals_of(self.cells, self.special, self.rows, self.base, self.by_previous)
        alphabet = Alphabet.fit(self.specials, residuals[~self.special], n_bins)
        symbols = alphabet.symbols(self.cells, residuals)
        own = np.where(self.rows.first > 0, NONE, np.append(NONE, symbols[:-1]))
        every = [Candidate(OWN, own.astype(np.int16)), *candidates]
        if self.predictor is not None:
            every.append(Candidate(PREDICTED, features_of(self.base)))
        counts = np.bincount(symbols, minlength=alphabet.n_symbols)
        prior, prior_bits = choose_prior(counts, len(self.specials))
        dens = initial_counts(prior, 1 << 15) / ((1 << 15) * UNIT)
        ranks = np.stack([c.ranks for c in every])
        n_cuts = np.array([len(c.thresholds) for c in every])
        part = max(len(symbols) // SCREENED, 1)
        _, gains = screen(ranks[:, ::part], n_cuts, symbols[::part], 4 * dens)
        order = np.argsort(-gains, kind="stable")
        kept = [0, *sorted(int(f) for f in order[:MAX_FEATURES] if f > 0 and gains[f] > -SPLIT_BITS)]
        least, split = (MIN_ROWS, (SPLIT_BITS + math.log2(len(every) + 1)) / weight)
        if warm:
            least, split = MIN_WARM, SPLIT_BITS
        _, nodes = grow(ranks[kept], n_cuts[kept], symbols, 4 * dens, split, least, INHERITED if warm else 0.0)
        offered = [every[f] for f in kept]
        tree = Tree.of(nodes, offered)
        number = {c.number: c.values for c in every[1:]}
        features = np.stack([number[u] for u in tree.uses]) if tree.uses else np.empty((0, len(symbols)), np.int16)
        start = int(self.base[0]) if self.predictor is None else 0
        model = LearnedColumn(start, self.by_previous, self.predictor, alphabet, prior, 4, tree)
        table = np.bincount(
            tree.leaves(features, own) * alphabet.n_symbols + symbols, minlength=tree.n_leaves * alphabet.n_symbols
        ).reshape(tree.n_leaves, -1)
        bits, strength = min((_adaptive_bits(table, initial_counts(prior, s) / UNIT), s) for s in STRENGTHS)
        terms = () if self.predictor is None else self.predictor.terms
        size = 32 + TERM_BITS * len(terms) + EDGE_BITS * alphabet.n_bins + prior_bits
        size += (tree.n_leaves - 1) * split * weight
        model = replace(model, strength=strength)
        if warm:
            dens = initial_counts(prior, 1 << 15) / ((1 << 15) * UNIT)
            counts = warm_counts(tree, table, dens)
            model = replace(model, counts=counts)
            bits = -float((table * np.log2(counts / counts.sum(axis=1, keepdims=True))).sum())
        return model, bits + alphabet.offset_bits(symbols) + size / weight


def choose_prior(counts: Int, n_specials: int) -> tuple[NDArray[np.uint8], float]:
    """Choose how rare each symbol is said to be, the same for all bins where more does not pay; and the bits of it.

    Args:
        counts: of the symbols, the specials first and `outside` last.
        n_specials: how many of them are specials.
    """

    def rarity(weights: NDArray[np.float64]) -> NDArray[np.uint8]:
        share = (weights + 0.05) / (weights.sum() + 0.05 * len(weights))
        return np.clip(np.rint(-4 * np.log2(share)), 0, RAREST).astype(np.uint8)

    even = counts.astype(np.float64)
    bins = slice(n_specials, len(counts) - 1)
    even[bins] = even[bins].mean()
    flat, full = rarity(even), rarity(counts.astype(np.float64))
    lost = sum(k * _adaptive_bits(counts[None], initial_counts(p, 8) / UNIT) for k, p in ((1, flat), (-1, full)))
    if lost > PRIOR_BITS * (len(counts) - n_specials - 2):
        return full, PRIOR_BITS * len(counts)
    return flat, PRIOR_BITS * (n_specials + 2)


def _adaptive_bits(counts: Int, prior: NDArray[np.float64]) -> float:
    """Compute the bits of symbols, one after the other: counts of shape `(n_leaves, n_symbols)` under a prior."""
    from scipy.special import gammaln  # takes a while to import, and decoding does not need it

    seen = counts > 0
    each = (gammaln(prior + counts) - gammaln(prior))[seen].sum()
    whole = (gammaln(prior.sum() + counts.sum(axis=1)) - gammaln(prior.sum())).sum()
    return float((whole - each) / math.log(2))
