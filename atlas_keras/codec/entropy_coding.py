"""The coding `entropy`: quantization indices of a block of events through a range coder, under the entropy model.

Encoder and decoder walk through a block in the same way: the number of jets of every event, then pt, eta, phi and
energy of all first jets, of all second jets, and so on; an event of very many jets is walked as several. What differs
is the coder: one writes the indices that it is given, the other reads them. Source of the coder: R. Bamler,
"Understanding entropy coding with ANS" (arXiv:2201.01741).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from atlas_keras.codec.entropy_model.arithmetic import TURN
from atlas_keras.codec.entropy_model.context import CUT, EventContext, MissingMomentum, count_features, cut_events
from atlas_keras.codec.entropy_model.model import MAX_COUNT, EntropyModel
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.codec.symbols import SymbolTable, SymbolTables, eta_bin
from atlas_keras.errors import JetDataError, reason_of

Indices = NDArray[np.int64]
Groups = Iterable[tuple[int, NDArray[np.int64]]]

HEAD = struct.Struct("<II")  # number of events and of jets
MAX_JETS_OF_EVENT = 1 << 24
MAX_EVENTS = 1 << 24
WIDE = 1 << 20  # a wider interval is coded in two steps: the coder has 24 bits for probabilities
LOW_BITS = 16


class Coder(Protocol):
    """The side of the range coder that a walk is connected to."""

    reads: bool

    def code(self, table: SymbolTable, groups: Groups, indices: Indices) -> Indices:
        """Write the indices, or read them into the array; return the indices."""


class EntropyCoding:
    """The coding of one file: its grid and the entropy model.

    Args:
        grid: of the file.
        entropy_model: of the model.
        cut: events of more jets are walked as several of at most so many; 0 leaves all as they are.
    """

    def __init__(self, grid: JetQuantizer, entropy_model: EntropyModel, cut: int = CUT) -> None:
        self.grid, self.entropy_model, self.symbol_tables = grid, entropy_model, SymbolTables.of(grid, entropy_model)
        self.cut = cut

    @property
    def filler(self) -> Indices:
        """Indices that have symbols, shape `(4,)`: they stand for a jet that is stored as it is."""
        a = self.symbol_tables
        pt, eta, energy = (np.clip(0, x.first[0], x.first[-1] - 1) for x in (a.pt, a.eta, a.energy))
        return np.array([pt, eta, 0, energy])

    def representable(self, indices: Indices) -> NDArray[np.bool_]:
        """Tell which jets have symbols, shape `(n_jets,)`."""
        a, result = self.symbol_tables, np.ones(len(indices), bool)
        limits = [(x.first[0], x.first[-1]) for x in (a.pt, a.eta)]
        limits += [(0, self.grid.n_phi), (a.energy.first[0], a.energy.first[-1])]
        for column, (low, high) in zip(indices.T, limits, strict=True):
            result &= (column >= low) & (column < high)
        return result

    def encode(self, indices: Indices, n_jets: Indices, missing: MissingMomentum) -> bytes:
        """Code a block.

        Args:
            indices: representable ones, shape `(n_jets, 4)`.
            n_jets: of every event, below 2^24.
            missing: of every event.
        """
        writer = _Writer()
        self._walk_counts(writer, n_jets, missing)
        self._walk(writer, np.ascontiguousarray(indices.T), n_jets, missing)
        return HEAD.pack(len(n_jets), len(indices)) + writer.content()

    @staticmethod
    def n_events(content: bytes) -> int:
        """Tell how many events a block claims to have, for files without other columns.

        Raises:
            JetDataError: more than any block has.
        """
        claimed = HEAD.unpack_from(content)[0] if len(content) >= HEAD.size else MAX_EVENTS + 1
        if claimed > MAX_EVENTS:
            raise JetDataError(f"a block claims {claimed} events")
        return claimed

    def decode(
        self, content: bytes, n_events: int, missing: MissingMomentum, most_jets: int
    ) -> tuple[Indices, Indices]:
        """Read a block: the indices, shape `(n_jets, 4)`, and the number of jets of every event.

        Args:
            content: of `encode`.
            n_events: as the file says.
            missing: of every event.
            most_jets: a block that claims more is refused before anything is allocated.

        Raises:
            JetDataError: what `encode` did not write.
        """
        if len(content) < HEAD.size or (len(content) - HEAD.size) % 4:
            raise JetDataError("a block has an impossible length")
        claimed, total = HEAD.unpack_from(content)
        if claimed != n_events or total > most_jets:
            raise JetDataError(f"a block claims {claimed} events and {total} jets")
        reader = _Reader(content[HEAD.size :])
        try:
            n_jets = self._walk_counts(reader, np.zeros(n_events, np.int64), missing)
            if n_jets.sum() != total:
                raise JetDataError(f"a block of {total} jets has events with {n_jets.sum()}")
            indices = self._walk(reader, np.zeros((4, total), np.int64), n_jets, missing).T
            reader.check()
            return indices, n_jets
        except (ValueError, AssertionError) as error:
            raise JetDataError(f"a block cannot be decoded ({reason_of(error)})") from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # of the range coder, whose panics are no Exceptions
                raise
            raise JetDataError(f"a block cannot be decoded ({reason_of(error)})") from error

    def _walk_counts(self, coder: Coder, n_jets: Indices, missing: MissingMomentum) -> Indices:
        """Code the number of jets of every event."""
        small = np.minimum(n_jets, MAX_COUNT)
        small = coder.code(
            self.symbol_tables.n_jets, self.entropy_model.n_jets.tree.partition(count_features(missing)), small
        )
        many = np.flatnonzero(small == MAX_COUNT)
        result = small.copy()
        if len(many):
            rest = SymbolTable(np.array([0, MAX_JETS_OF_EVENT]), np.ones((1, 1)))
            result[many] += coder.code(rest, [], n_jets[many] - MAX_COUNT)
        return result

    def _walk(self, coder: Coder, indices: Indices, n_jets: Indices, missing: MissingMomentum) -> Indices:
        """Code the indices, shape `(4, n_jets)`, jet by jet of all events at once."""
        grid, a, d = self.grid, self.symbol_tables, self.entropy_model
        half = grid.n_phi // 2
        n_jets, missing = cut_events(n_jets, missing, self.cut)
        start = np.cumsum(n_jets) - n_jets
        active = np.flatnonzero(n_jets > 0)
        context = EventContext(missing.take(active), n_jets[active])
        while len(active):
            rows = start[active] + context.rank
            pt, eta, phi, energy = (column.take(rows) for column in indices)
            pt = coder.code(a.pt, d.pt.tree.partition(context.pt_features()), pt)
            log_pt = grid.pt_step * pt + grid.pt_offset
            eta = coder.code(a.eta, d.eta.tree.partition(context.eta_features(log_pt)), eta)
            eta_hat = grid.eta_step * eta + grid.eta_offset
            recoil = (context.recoil * grid.n_phi) // TURN + half  # the cell 0 begins at -pi
            away = (phi - recoil + half) % grid.n_phi - half
            away = coder.code(a.phi, d.phi.tree.partition(context.phi_features(eta_hat)), away)
            phi = (away + recoil) % grid.n_phi
            groups: Groups = d.rho.tree.partition(context.rho_features(grid.phi_step * (phi + 0.5) - np.pi))
            if not grid.mass_step:
                groups = _by_eta_bin(groups, eta_bin(eta_hat))
            energy = coder.code(a.energy, groups, energy)
            if coder.reads:
                for column, values in zip(indices, (pt, eta, phi, energy), strict=True):
                    column[rows] = values
            keep = n_jets[active] > context.rank + 1
            context.advance(log_pt, keep)
            active = active[keep]
        return indices


def _by_eta_bin(groups: Groups, eta_bins: NDArray[np.int64]) -> Groups:
    for leaf, rows in groups:
        of_rows = eta_bins[rows]
        for index in range(4):
            part = rows[of_rows == index]
            if len(part):
                yield 4 * leaf + index, part


class _Writer:
    """Writes symbols and their offsets."""

    reads = False

    def __init__(self) -> None:
        self.coder = stream.queue.RangeEncoder()

    def code(self, table: SymbolTable, groups: Groups, indices: Indices) -> Indices:
        symbols = (np.searchsorted(table.first, indices, side="right") - 1).astype(np.int32)
        for index, rows in groups:
            self.coder.encode(symbols.take(rows), table.model(index))
        offset, width = indices - table.first[symbols], np.diff(table.first)[symbols]
        wide = width > WIDE
        some = np.flatnonzero((width > 1) & ~wide)
        if len(some):
            self.coder.encode(offset[some].astype(np.int32), stream.model.Uniform(), width[some].astype(np.int32))
        if wide.any():
            high, low = offset[wide] >> LOW_BITS, offset[wide] & ((1 << LOW_BITS) - 1)
            self.coder.encode(high.astype(np.int32), stream.model.Uniform(), _high_sizes(width[wide]))
            self.coder.encode(low.astype(np.int32), stream.model.Uniform(1 << LOW_BITS))
        return indices

    def content(self) -> bytes:
        return self.coder.get_compressed().astype("<u4").tobytes()


class _Reader:
    """Reads what a writer wrote, and codes it again.

    A range decoder takes any words for symbols: only coding those again tells whether words were cut off or added.
    """

    reads = True

    def __init__(self, content: bytes) -> None:
        self.words = np.frombuffer(content, "<u4").astype(np.uint32)
        self.coder, self.again = stream.queue.RangeDecoder(self.words), stream.queue.RangeEncoder()

    def check(self) -> None:
        """Refuse words that are not those of what was read.

        Raises:
            JetDataError: there are more, fewer or others.
        """
        if not np.array_equal(self.again.get_compressed(), self.words):
            raise JetDataError("a block has more or fewer words than its jets take")

    def _read(self, model: Any, sizes: int | NDArray[np.int32]) -> NDArray[np.int32]:
        """Read symbols, so many, or one for each size of their symbols."""
        symbols = self.coder.decode(model, sizes)
        self.again.encode(symbols, model, *([] if isinstance(sizes, int) else [sizes]))
        return symbols

    def code(self, table: SymbolTable, groups: Groups, indices: Indices) -> Indices:
        symbols = np.zeros(len(indices), np.int64)
        for index, rows in groups:
            symbols[rows] = self._read(table.model(index), len(rows))
        offset, width = np.zeros(len(indices), np.int64), np.diff(table.first)[symbols]
        wide = width > WIDE
        some = np.flatnonzero((width > 1) & ~wide)
        if len(some):
            offset[some] = self._read(stream.model.Uniform(), width[some].astype(np.int32))
        if wide.any():
            high = self._read(stream.model.Uniform(), _high_sizes(width[wide])).astype(np.int64)
            low = self._read(stream.model.Uniform(1 << LOW_BITS), int(wide.sum()))
            offset[wide] = (high << LOW_BITS) + low
        return table.first[symbols] + offset


def _high_sizes(width: Indices) -> NDArray[np.int32]:
    return (((width - 1) >> LOW_BITS) + 1).astype(np.int32)
