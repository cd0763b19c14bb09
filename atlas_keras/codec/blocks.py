"""Blocks of jets to the columns of a compressed file, verified, and back: the work of one process at a time."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.bounds import input_precision
from atlas_keras.codec.entropy_coding import EntropyCoding
from atlas_keras.codec.entropy_model.context import MissingMomentum
from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.codec.header import CODED, EXACT, INTEGERS, SCALES, Header
from atlas_keras.codec.verbatim import VerbatimColumn, pack_jets, unpack_jets
from atlas_keras.errors import JetDataError, RunError
from atlas_keras.schema import unit_factor

Float = NDArray[np.float64]
LENGTH = struct.Struct("<I")  # of the range coder's part of a block
OURS = "this is an error of atlas_keras, please report it; nothing was written"
MAX_JETS = 1 << 24  # of a block; the writer's blocks have some 2^18


@dataclass(frozen=True)
class Block:
    """The jets of some events.

    Args:
        n_jets: of every event, shape `(n_events,)`.
        jets: E, pt, eta, phi in the file's unit, float64, shape `(n_jets, 4)`.
        missing: of every event [MeV].
    """

    n_jets: NDArray[np.int64]
    jets: Float
    missing: MissingMomentum


@dataclass(frozen=True)
class Coded:
    """A block as it is written.

    Args:
        columns: of the file.
        n_events, n_jets: in the block.
        n_exact: how many jets are stored as they are.
        precision: of the input, where the mass is bounded.
    """

    columns: dict[str, Any]
    n_events: int
    n_jets: int
    n_exact: int = 0
    precision: float = 0.0


class Decoded(NamedTuple):
    """A block as it is read.

    Args:
        n_jets: of every event, shape `(n_events,)`.
        jets: E, pt, eta, phi in the file's unit, shape `(n_jets, 4)`.
        n_exact: how many jets were stored as they are.
    """

    n_jets: NDArray[np.int64]
    jets: Float
    n_exact: int = 0


@dataclass
class BlockCodec:
    """The coding of the blocks of one file.

    Args:
        header: of the file.
        entropy_model: of the model; None for `lossless`.
    """

    header: Header
    entropy_model: EntropyModel | None
    _entropy_coding: EntropyCoding | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.header.coding == "entropy":
            assert self.header.grid is not None
            assert self.entropy_model is not None
            self._entropy_coding = EntropyCoding(self.header.grid, self.entropy_model, self.header.cut)
        factor = unit_factor(self.header.unit, "MeV")
        self._to_mev = np.array([factor, factor, 1.0, 1.0])

    def encode(self, block: Block) -> Coded:
        """Code a block, decode what was coded, and check every jet.

        Raises:
            RunError: a jet that does not come back within its bounds, which is an error of this package.
        """
        if self.header.coding == "lossless":
            return Coded(self._encode_lossless(block), len(block.n_jets), len(block.jets))
        grid, bounds = self.header.grid, self.header.bounds
        assert grid is not None
        assert bounds is not None
        precision = input_precision(block.jets) if bounds.mass is not None else 0.0
        indices, exact = grid.quantize(block.jets * self._to_mev, bounds)
        if self._entropy_coding:
            exact |= ~self._entropy_coding.representable(indices)
        # What is compared is what is written, in the file's unit: a change of unit rounds, and a light mass shows it.
        exact |= ~bounds.kept(block.jets, self._to_jets(indices), precision)
        rows = np.flatnonzero(exact)
        columns = self._write(indices, rows, block)
        n_jets, jets, _ = self.decode(columns, len(block.n_jets), block.missing)
        kept = bounds.kept(block.jets, jets, precision)
        kept[rows] = np.all(_bits(jets[rows]) == _bits(block.jets[rows]), axis=1)
        if not (kept.all() and np.array_equal(n_jets, block.n_jets)):
            raise RunError(f"{int(np.sum(~kept))} jets do not come back within their bounds: {OURS}")
        return Coded(columns, len(block.n_jets), len(block.jets), len(rows), precision)

    def _to_jets(self, indices: NDArray[np.int64]) -> Float:
        """Decode indices to jets in the file's unit, in double precision with the values of its dtype."""
        assert self.header.grid is not None
        jets = self.header.grid.dequantize(indices) / self._to_mev
        if self.header.dtype == "float32":
            with np.errstate(over="ignore"):
                jets = jets.astype(np.float32).astype(np.float64)
        return jets

    def _write(self, indices: NDArray[np.int64], rows: NDArray[np.int64], block: Block) -> dict[str, Any]:
        """Make the columns of a block; the jets at `rows` are stored as they are."""
        indices[rows] = self._entropy_coding.filler if self._entropy_coding else 0
        exact = pack_jets(rows, block.jets[rows])
        if self._entropy_coding:
            coded = self._entropy_coding.encode(indices, block.n_jets, block.missing)
            return {CODED: LENGTH.pack(len(coded)) + coded + (exact or b"")}
        values = (block.n_jets, *indices.T)
        columns: dict[str, Any] = {n: v.astype(np.int32) for n, v in zip(INTEGERS, values, strict=True)}
        return {**columns, EXACT: exact}

    def _encode_lossless(self, block: Block) -> dict[str, Any]:
        exact = [VerbatimColumn.of(x) for x in (block.jets[:, 1], block.jets[:, 2], block.jets[:, 3], block.jets[:, 0])]
        columns: dict[str, Any] = dict(zip(INTEGERS, [block.n_jets, *(c.integers for c in exact)], strict=True))
        columns[SCALES] = bytes(c.digits for c in exact)
        jets = self.decode(columns, len(block.n_jets), block.missing).jets
        if not np.array_equal(_bits(jets), _bits(block.jets)):
            raise RunError(f"jets do not come back bit for bit: {OURS}")
        return columns

    def decode(self, columns: dict[str, Any], n_events: int | None, missing: MissingMomentum | None) -> Decoded:
        """Decode a block.

        Args:
            columns: of the file.
            n_events: of the block, as its other columns have it; None where there are none.
            missing: of every event, from the other columns; None where the file has none.

        Raises:
            JetDataError: content that `encode` does not write.
        """
        if self._entropy_coding:
            indices, n_jets, exact = self._read_entropy_coded(columns, n_events, missing)
        else:
            n_jets, indices = self._read_integers(columns, n_events)
            exact = columns.get(EXACT)
        if self.header.coding == "lossless":
            scales = columns[SCALES]
            if scales is None or len(scales) != 4:
                raise JetDataError("a block lacks its numbers of digits")
            pt, eta, phi, E = (VerbatimColumn(indices[:, k], scales[k]).values() for k in range(4))
            return Decoded(n_jets, np.stack([E, pt, eta, phi], axis=1))
        jets = self._to_jets(indices)
        rows, stored = unpack_jets(exact, len(jets))
        jets[rows] = stored
        return Decoded(n_jets, jets, len(rows))

    def _read_entropy_coded(
        self, columns: dict[str, Any], n_events: int | None, missing: MissingMomentum | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], bytes | None]:
        content = columns[CODED] or b""
        length = LENGTH.unpack_from(content)[0] if len(content) >= LENGTH.size else -1
        if not 0 <= length <= len(content) - LENGTH.size:
            raise JetDataError("a block has an impossible length")
        assert self._entropy_coding is not None
        coded, exact = content[LENGTH.size : LENGTH.size + length], content[LENGTH.size + length :]
        claimed = self._entropy_coding.n_events(coded)
        if n_events is None:
            n_events = claimed
        elif n_events != claimed:
            raise JetDataError(f"a block claims {claimed} events, and has {n_events}")
        missing = missing or MissingMomentum.none(n_events)
        return *self._entropy_coding.decode(coded, n_events, missing, MAX_JETS), exact or None

    def _read_integers(self, columns: dict[str, Any], n_events: int | None) -> tuple[NDArray[np.int64], NDArray]:
        values = [columns[name] for name in INTEGERS]
        if any(value is None or value.dtype.kind != "i" for value in values):
            raise JetDataError("a block lacks a column, or has empty values in it")
        n_jets = values[0].astype(np.int64)
        lengths = {len(value) for value in values[1:]}
        fits = lengths == {int(n_jets.sum())} and (n_events is None or n_events == len(n_jets))
        if not fits or n_jets.min(initial=0) < 0:
            raise JetDataError("a block has columns of different lengths")
        return n_jets, np.stack([value.astype(np.int64) for value in values[1:]], axis=1)


def _bits(x: Float) -> NDArray[np.int64]:
    return np.ascontiguousarray(x).view(np.int64)
