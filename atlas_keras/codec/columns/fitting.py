"""Fit the learned coding of a column to a sample.

It is written into the file, or into an entropy model of its own; so what it costs is weighed against what it saves: a
split, an interval, a finer prior is there only where it pays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Alphabet, Int
from atlas_keras.codec.columns.features import PREDICTED, Candidate, Rows
from atlas_keras.codec.columns.growth import grow, screen
from atlas_keras.codec.columns.learned import RAREST, STRENGTHS, LearnedColumn, initial_counts
from atlas_keras.codec.columns.linear import TERM_BITS, Predictor, fit_predictor
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.range_coder import UNIT
from atlas_keras.codec.columns.row_coding import LARGEST, NONE, OWN
from atlas_keras.codec.columns.tree import Tree

SPLIT_BITS = 13.0  # that a split takes in the file, without the choice of its feature
EDGE_BITS = 9.0
PRIOR_BITS = 4.0  # of a symbol
MIN_ROWS, MIN_WARM = 8, 60  # in a leaf; of a tree whose counts are kept
INHERITED = 64.0  # rows that the density of a parent counts for, where counts are kept
MAX_FEATURES = 32  # that a tree is offered
SCREENED = 4000  # rows that choose these
MAX_SEEN = 1 << 13  # rows that a leaf begins with at most
MIN_PREDICTED = 2000  # rows that a prediction may pay for

Offer = tuple[int, str, NDArray, NDArray[np.bool_]]  # of `fit_predictor`


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
