"""The codec for arrays in memory: one of numcodecs where that is installed, with the same interface where it is not.

numcodecs and zarr (format 2) find it by its name, `atlas_keras_jets`, through the entry point in `setup.cfg`.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras.codec.blocks import Block, BlockCodec
from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.entropy_model.context import CUT, MissingMomentum
from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.codec.header import CODED, Header
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.errors import ConfigError, JetDataError, RunError
from atlas_keras.schema import UNITS_IN_MEV

if TYPE_CHECKING:
    Codec = object
else:
    try:
        from numcodecs.abc import Codec
    except (ImportError, ValueError):  # it cannot read the version of some releases of zfpy, and then does not import
        Codec = object

CUTS = {b"AKJ1": 0, b"AKJ2": CUT}  # whether events of very many jets are cut, as the first bytes of the content tell
HEAD = struct.Struct("<4sB16s8sII")  # one of these, dtype, model, bound and unit, number of events, checksum
DTYPES: tuple[Literal["float64", "float32"], ...] = ("float64", "float32")


class JetCodec(Codec):
    """Compress arrays of jets within a bound.

    As a codec of numcodecs and zarr (format 2), a chunk is an array of shape `(n_jets, 4)`. The configuration holds
    all that a decoder needs, the entropy model included (some 45 kB of JSON), so that it makes the same codec on any
    machine.

    Args:
        run: run folder whose entropy model codes the jets, or the entropy model.
        bound: as for `Bounds.parse`, for example `1e-3` or `1e-3,mass=1e-2`.
        unit: of E and pt, `MeV` or `GeV`.

    Raises:
        RunError: no such run.
        ConfigError: a bound or a unit that cannot be.

    Example:
        >>> codec = JetCodec("runs/first", "1e-3")  # doctest: +SKIP
        >>> jets_back = codec.decode(codec.encode(jets))  # doctest: +SKIP
    """

    codec_id = "atlas_keras_jets"

    def __init__(self, run: str | Path | EntropyModel, bound: str | float, unit: str = "MeV") -> None:
        if unit not in UNITS_IN_MEV:
            raise ConfigError(f"Energies are in MeV or GeV. Received: unit={unit!r:.40}")
        self.bound, self.unit = str(bound), unit
        self.entropy_model = run if isinstance(run, EntropyModel) else EntropyModel.load(run)
        self.bounds = Bounds.parse(self.bound)
        self._grid = JetQuantizer.of(self.bounds, self.entropy_model)
        self._steps = hashlib.sha256(f"{unit}{self._grid.to_list()}".encode()).digest()[:8]
        self._made: dict[tuple[str, int], BlockCodec] = {}

    def _blocks(self, dtype: Literal["float64", "float32"], cut: int) -> BlockCodec:
        """Return the codec of blocks, made when it is first asked for."""
        if (dtype, cut) not in self._made:
            model = self.entropy_model.fingerprint
            header = Header("entropy", self.unit, model, self.bounds, self._grid, cut, dtype=dtype)
            self._made[dtype, cut] = BlockCodec(header, self.entropy_model)
        return self._made[dtype, cut]

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
        magic = b"AKJ2" if counts.max(initial=0) > CUT else b"AKJ1"
        blocks = self._blocks(dtype, CUTS[magic])
        coded = blocks.encode(Block(counts, jets, MissingMomentum.none(len(counts)))).columns[CODED]
        model = bytes.fromhex(self.entropy_model.fingerprint)
        return HEAD.pack(magic, DTYPES.index(dtype), model, self._steps, len(counts), zlib.crc32(coded)) + coded

    def decode(self, buf: Any, out: NDArray | None = None) -> NDArray:
        """Return the jets back, shape `(n_jets, 4)`, in the dtype that was compressed.

        Args:
            buf: of `encode`.
            out: array to write into.

        Raises:
            JetDataError: damaged content.
            RunError: content of another model, bound or unit.
        """
        content = bytes(memoryview(buf).cast("B"))
        if len(content) < HEAD.size or content[:4] not in CUTS:
            raise JetDataError("the content is none of JetCodec")
        magic, dtype, model, steps, n_events, checksum = HEAD.unpack_from(content)
        coded = content[HEAD.size :]
        if zlib.crc32(coded) != checksum or dtype >= len(DTYPES):
            raise JetDataError("the content is damaged: its checksum does not match")
        if model.hex() != self.entropy_model.fingerprint:
            raise RunError(
                f"the content was made with the model {model.hex()}; this codec has {self.entropy_model.fingerprint}"
            )
        if steps != self._steps:
            raise RunError(f"the content was made with another bound or unit than {self.bound} and {self.unit}")
        decoded = self._blocks(DTYPES[dtype], CUTS[magic]).decode({CODED: coded}, n_events, None)
        jets = decoded.jets.astype(DTYPES[dtype])
        if out is None:
            return jets
        out.reshape(jets.shape)[...] = jets
        return out

    def get_config(self) -> dict[str, Any]:
        """Return what makes the same codec elsewhere, for JSON; `model` is `entropy_model.npz` in base64."""
        model = base64.b64encode(self.entropy_model.to_bytes()).decode()
        return {"id": self.codec_id, "model": model, "bound": self.bound, "unit": self.unit}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from what `get_config` gave, with or without the `id`.

        Raises:
            ConfigError: a part that is missing, unknown or no text.
            RunError: a damaged model.
        """
        parts = {key: value for key, value in config.items() if key != "id"}
        if set(parts) != {"model", "bound", "unit"} or not all(isinstance(value, str) for value in parts.values()):
            raise ConfigError(f"a configuration of {cls.codec_id} has the texts id, model, bound and unit, and no more")
        where = f"the model in the configuration of {cls.codec_id}"
        try:
            content = base64.b64decode(parts["model"], validate=True)
        except ValueError:
            raise RunError(f"{where}: is no base64") from None
        return cls(EntropyModel.from_bytes(content, where), parts["bound"], parts["unit"])

    def _identity(self) -> tuple[str, Bounds, str]:
        return self.entropy_model.fingerprint, self.bounds, self.unit

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JetCodec) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"JetCodec(<entropy model {self.entropy_model.fingerprint}>, bound={self.bound!r}, unit={self.unit!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_config, (self.get_config(),)
