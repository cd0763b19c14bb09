"""The coding `dense`: cells of a block of events through a range coder, under the densities of the model.

Encoder and decoder walk through a block in the same way: the number of jets of every event, then pt, eta, phi and
energy of all first jets, of all second jets, and so on; an event of very many jets is walked as several. What differs
is the port: one writes the cells that it is given, the other reads them. Source of the coder: R. Bamler,
"Understanding entropy coding with ANS" (arXiv:2201.01741).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from atlas_keras.codec.alphabet import Alphabet, Alphabets, tilt
from atlas_keras.codec.grid import Grid
from atlas_keras.density.arithmetic import TURN
from atlas_keras.density.context import CUT, EventContext, MissingMomentum, count_features, cut_events
from atlas_keras.density.densities import MOST_COUNT, Densities
from atlas_keras.errors import JetDataError, reason_of

Cells = NDArray[np.int64]
Groups = Iterable[tuple[int, NDArray[np.int64]]]

HEAD = struct.Struct("<II")  # number of events and of jets
MOST_JETS_OF_EVENT = 1 << 24
MOST_EVENTS = 1 << 24
WIDE = 1 << 20  # a wider interval is coded in two steps: the coder has 24 bits for probabilities
LOW_BITS = 16


class Port(Protocol):
    """The side of the range coder that a walk is connected to."""

    reads: bool

    def code(self, alphabet: Alphabet, groups: Groups, cells: Cells) -> Cells:
        """Write the cells, or read them into the array; give the cells."""


class DenseCoding:
    """The coding of one file: its grid and the densities of its model.

    Args:
        grid: of the file.
        densities: of the model.
        cut: events of more jets are walked as several of at most so many; 0 leaves all as they are.
    """

    def __init__(self, grid: Grid, densities: Densities, cut: int = CUT) -> None:
        self.grid, self.densities, self.alphabets = grid, densities, Alphabets.of(grid, densities)
        self.cut = cut

    @property
    def filler(self) -> Cells:
        """Cells that have symbols, shape `(4,)`: they stand for a jet that is stored as it is."""
        a = self.alphabets
        pt, eta, energy = (np.clip(0, x.first[0], x.first[-1] - 1) for x in (a.pt, a.eta, a.energy))
        return np.array([pt, eta, 0, energy])

    def representable(self, cells: Cells) -> NDArray[np.bool_]:
        """Tell which jets have symbols, shape `(n_jets,)`."""
        a, result = self.alphabets, np.ones(len(cells), bool)
        limits = [(x.first[0], x.first[-1]) for x in (a.pt, a.eta)]
        limits += [(0, self.grid.phi_cells), (a.energy.first[0], a.energy.first[-1])]
        for column, (low, high) in zip(cells.T, limits, strict=True):
            result &= (column >= low) & (column < high)
        return result

    def encode(self, cells: Cells, n_jets: Cells, missing: MissingMomentum) -> bytes:
        """Code a block.

        Args:
            cells: representable ones, shape `(n_jets, 4)`.
            n_jets: of every event, below 2^24.
            missing: of every event.
        """
        writer = _Writer()
        self._walk_counts(writer, n_jets, missing)
        self._walk(writer, np.ascontiguousarray(cells.T), n_jets, missing)
        return HEAD.pack(len(n_jets), len(cells)) + writer.content()

    @staticmethod
    def n_events(content: bytes) -> int:
        """Tell how many events a block claims to have, for files without other columns.

        Raises:
            JetDataError: more than any block has.
        """
        claimed = HEAD.unpack_from(content)[0] if len(content) >= HEAD.size else MOST_EVENTS + 1
        if claimed > MOST_EVENTS:
            raise JetDataError(f"a block claims {claimed} events")
        return claimed

    def decode(self, content: bytes, n_events: int, missing: MissingMomentum, most_jets: int) -> tuple[Cells, Cells]:
        """Read a block: the cells, shape `(n_jets, 4)`, and the number of jets of every event.

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
            cells = self._walk(reader, np.zeros((4, total), np.int64), n_jets, missing).T
            reader.check()
            return cells, n_jets
        except (ValueError, AssertionError) as error:
            raise JetDataError(f"a block cannot be decoded ({reason_of(error)})") from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # of the range coder, whose panics are no Exceptions
                raise
            raise JetDataError(f"a block cannot be decoded ({reason_of(error)})") from error

    def _walk_counts(self, port: Port, n_jets: Cells, missing: MissingMomentum) -> Cells:
        """Code the number of jets of every event."""
        small = np.minimum(n_jets, MOST_COUNT)
        small = port.code(self.alphabets.n_jets, self.densities.n_jets.tree.partition(count_features(missing)), small)
        many = np.flatnonzero(small == MOST_COUNT)
        result = small.copy()
        if len(many):
            rest = Alphabet(np.array([0, MOST_JETS_OF_EVENT]), np.ones((1, 1)))
            result[many] += port.code(rest, [], n_jets[many] - MOST_COUNT)
        return result

    def _walk(self, port: Port, cells: Cells, n_jets: Cells, missing: MissingMomentum) -> Cells:
        """Code the cells, shape `(4, n_jets)`, jet by jet of all events at once."""
        grid, a, d = self.grid, self.alphabets, self.densities
        half = grid.phi_cells // 2
        n_jets, missing = cut_events(n_jets, missing, self.cut)
        start = np.cumsum(n_jets) - n_jets
        active = np.flatnonzero(n_jets > 0)
        context = EventContext(missing.take(active), n_jets[active])
        while len(active):
            rows = start[active] + context.rank
            pt, eta, phi, energy = (column.take(rows) for column in cells)
            pt = port.code(a.pt, d.pt.tree.partition(context.pt_features()), pt)
            log_pt = grid.pt_step * pt + grid.pt_offset
            eta = port.code(a.eta, d.eta.tree.partition(context.eta_features(log_pt)), eta)
            eta_hat = grid.eta_step * eta + grid.eta_offset
            recoil = (context.recoil * grid.phi_cells) // TURN + half  # the cell 0 begins at -pi
            away = (phi - recoil + half) % grid.phi_cells - half
            away = port.code(a.phi, d.phi.tree.partition(context.phi_features(eta_hat)), away)
            phi = (away + recoil) % grid.phi_cells
            groups: Groups = d.rho.tree.partition(context.rho_features(grid.phi_step * (phi + 0.5) - np.pi))
            if not grid.mass_step:
                groups = _by_tilt(groups, tilt(eta_hat))
            energy = port.code(a.energy, groups, energy)
            if port.reads:
                for column, values in zip(cells, (pt, eta, phi, energy), strict=True):
                    column[rows] = values
            keep = n_jets[active] > context.rank + 1
            context.advance(log_pt, keep)
            active = active[keep]
        return cells


def _by_tilt(groups: Groups, tilts: NDArray[np.int64]) -> Groups:
    for leaf, rows in groups:
        of_rows = tilts[rows]
        for index in range(4):
            part = rows[of_rows == index]
            if len(part):
                yield 4 * leaf + index, part


class _Writer:
    """Writes symbols and their offsets."""

    reads = False

    def __init__(self) -> None:
        self.coder = stream.queue.RangeEncoder()

    def code(self, alphabet: Alphabet, groups: Groups, cells: Cells) -> Cells:
        symbols = (np.searchsorted(alphabet.first, cells, side="right") - 1).astype(np.int32)
        for index, rows in groups:
            self.coder.encode(symbols.take(rows), alphabet.model(index))
        offset, width = cells - alphabet.first[symbols], np.diff(alphabet.first)[symbols]
        wide = width > WIDE
        some = np.flatnonzero((width > 1) & ~wide)
        if len(some):
            self.coder.encode(offset[some].astype(np.int32), stream.model.Uniform(), width[some].astype(np.int32))
        if wide.any():
            high, low = offset[wide] >> LOW_BITS, offset[wide] & ((1 << LOW_BITS) - 1)
            self.coder.encode(high.astype(np.int32), stream.model.Uniform(), _high_sizes(width[wide]))
            self.coder.encode(low.astype(np.int32), stream.model.Uniform(1 << LOW_BITS))
        return cells

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
        """Read symbols, so many, or one for each size of their alphabet."""
        symbols = self.coder.decode(model, sizes)
        self.again.encode(symbols, model, *([] if isinstance(sizes, int) else [sizes]))
        return symbols

    def code(self, alphabet: Alphabet, groups: Groups, cells: Cells) -> Cells:
        symbols = np.zeros(len(cells), np.int64)
        for index, rows in groups:
            symbols[rows] = self._read(alphabet.model(index), len(rows))
        offset, width = np.zeros(len(cells), np.int64), np.diff(alphabet.first)[symbols]
        wide = width > WIDE
        some = np.flatnonzero((width > 1) & ~wide)
        if len(some):
            offset[some] = self._read(stream.model.Uniform(), width[some].astype(np.int32))
        if wide.any():
            high = self._read(stream.model.Uniform(), _high_sizes(width[wide])).astype(np.int64)
            low = self._read(stream.model.Uniform(1 << LOW_BITS), int(wide.sum()))
            offset[wide] = (high << LOW_BITS) + low
        return alphabet.first[symbols] + offset


def _high_sizes(width: Cells) -> NDArray[np.int32]:
    return (((width - 1) >> LOW_BITS) + 1).astype(np.int32)
