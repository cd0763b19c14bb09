"""The codec for arrays in memory, with the interface of numcodecs: `encode`, `decode`, `get_config`, `from_config`."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras.codec.blocks import Block, BlockCodec
from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.grid import Grid
from atlas_keras.codec.header import CODED, Header
from atlas_keras.density.context import MissingMomentum
from atlas_keras.density.densities import Densities
from atlas_keras.errors import JetDataError, RunError

MAGIC = b"AKJ1"
HEAD = struct.Struct("<4sB16s8sII")  # magic, dtype, model, bound and unit, number of events, checksum
DTYPES: tuple[Literal["float64", "float32"], ...] = ("float64", "float32")


class JetCodec:
    """Compress arrays of jets within a bound.

    `numcodecs.register_codec(JetCodec)` makes it known to numcodecs and zarr (format 2); a chunk is then an array of
    shape `(n_jets, 4)`.

    Args:
        run: run folder whose densities code the jets.
        bound: as for `Bounds.parse`, for example `1e-3` or `1e-3,mass=1e-2`.
        unit: of E and pt, `MeV` or `GeV`.

    Raises:
        RunError: no such run.
        ConfigError: a bound that cannot be.

    Example:
        >>> codec = JetCodec("runs/first", "1e-3")  # doctest: +SKIP
        >>> jets_back = codec.decode(codec.encode(jets))  # doctest: +SKIP
    """

    codec_id = "atlas_keras_jets"

    def __init__(self, run: str, bound: str | float, unit: str = "MeV") -> None:
        self.run, self.bound, self.unit = str(run), str(bound), unit
        self.densities, self.bounds = Densities.load(run), Bounds.parse(self.bound)
        grid = Grid.of(self.bounds, self.densities)
        header = Header("dense", unit, self.densities.fingerprint, self.bounds, grid)
        self._blocks = {d: BlockCodec(replace(header, dtype=d), self.densities) for d in DTYPES}
        self._steps = hashlib.sha256(f"{unit}{grid.to_list()}".encode()).digest()[:8]

    def encode(self, buf: ArrayLike, n_jets: ArrayLike | None = None) -> bytes:
        """Compress jets; all of them are decoded and checked.

        Args:
            buf: E, pt [unit], eta, phi [rad], shape `(n_jets, 4)`, float32 or float64. What no code reaches (NaN,
                E <= 0) is stored as it is.
            n_jets: of each event, in order: jets of an event help to code each other. None: each jet is its own event.

        Raises:
            ValueError: another shape, or numbers of jets that do not add up.
        """
        jets = np.asarray(buf)
        dtype = DTYPES[int(jets.dtype == np.float32)]
        jets = np.ascontiguousarray(jets, np.float64)
        if jets.ndim != 2 or jets.shape[1] != 4:
            raise ValueError(f"Jets have the shape (n_jets, 4). Received: shape {jets.shape}")
        counts = np.ones(len(jets), np.int64) if n_jets is None else np.asarray(n_jets, np.int64)
        if counts.sum() != len(jets) or counts.min(initial=0) < 0:
            raise ValueError(f"n_jets adds up to the number of jets. Received: {counts.sum()} for {len(jets)} jets")
        coded = self._blocks[dtype].encode(Block(counts, jets, MissingMomentum.none(len(counts)))).columns[CODED]
        model = bytes.fromhex(self.densities.fingerprint)
        return HEAD.pack(MAGIC, DTYPES.index(dtype), model, self._steps, len(counts), zlib.crc32(coded)) + coded

    def decode(self, buf: Any, out: NDArray | None = None) -> NDArray:
        """Give the jets back, shape `(n_jets, 4)`, in the dtype that was compressed.

        Args:
            buf: of `encode`.
            out: array to write into.

        Raises:
            JetDataError: damaged content.
            RunError: content of another model, bound or unit.
        """
        content = bytes(memoryview(buf).cast("B"))
        if len(content) < HEAD.size or not content.startswith(MAGIC):
            raise JetDataError("the content is none of JetCodec")
        _, dtype, model, steps, n_events, checksum = HEAD.unpack_from(content)
        coded = content[HEAD.size :]
        if zlib.crc32(coded) != checksum or dtype >= len(DTYPES):
            raise JetDataError("the content is damaged: its checksum does not match")
        if model.hex() != self.densities.fingerprint:
            raise RunError(f"the content was made with the model {model.hex()}; {self.run} is another one")
        if steps != self._steps:
            raise RunError(f"the content was made with another bound or unit than {self.bound} and {self.unit}")
        _, jets = self._blocks[DTYPES[dtype]].decode({CODED: coded}, n_events, None)
        jets = jets.astype(DTYPES[dtype])
        if out is None:
            return jets
        out.reshape(jets.shape)[...] = jets
        return out

    def get_config(self) -> dict[str, Any]:
        """Give the arguments, and the codec's name."""
        return {"id": self.codec_id, "run": self.run, "bound": self.bound, "unit": self.unit}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from the arguments."""
        return cls(**{key: value for key, value in config.items() if key != "id"})
