"""The header of a compressed file: all that a decoder has to know, as JSON in the metadata of the Parquet container."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.grid import Grid
from atlas_keras.errors import ConfigError, JetDataError
from atlas_keras.schema import FOUR_MOMENTUM, UNITS_IN_MEV

VERSION = 1
KEY = b"atlas_keras"
MODEL_KEY = b"atlas_keras.model"
COLUMNS_KEY = b"atlas_keras.columns"
# Columns of ours.
INTEGERS = ("jet_counts", "jet_pt", "jet_eta", "jet_phi", "jet_energy")
SCALES = "jet_scales"
EXACT, CODED = "jet_exact", "jet_coded"
CODINGS = ("dense", "portable")
LARGEST_HEADER = 1 << 16
DIGEST_LENGTH = 32
NO_DIGEST = "0" * DIGEST_LENGTH


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Args:
        coding: `dense`, `portable` or `lossless`.
        unit: of E and pt.
        model: fingerprint of the densities; empty for `lossless`.
        bounds, grid: None for `lossless`.
        layout: `events` or `jets`: what a row of the original Parquet file was.
        jets_at: how many of the other columns stood before those of the jets.
        schema: of the variables.
        dtype: of E, pt, eta and phi where they are written again.
        precision: of the input, where the mass is bounded: the coarsest of all blocks.
        n_events, n_jets, n_exact: in the file; n_exact jets are stored as they are.
        digest: of the whole file with zeros in this place.
    """

    coding: Literal["dense", "portable", "lossless"]
    unit: str
    model: str = ""
    bounds: Bounds | None = None
    grid: Grid | None = None
    layout: Literal["events", "jets"] = "events"
    jets_at: int = 0
    dtype: Literal["float64", "float32"] = "float64"
    precision: float = 0.0
    schema: str = FOUR_MOMENTUM.name
    n_events: int = 0
    n_jets: int = 0
    n_exact: int = 0
    digest: str = NO_DIGEST

    def to_json(self) -> str:
        """Write as compact JSON, without what has its default."""
        values: dict[str, Any] = {"version": VERSION}
        for part in fields(self):
            value = getattr(self, part.name)
            if value != part.default or part.name == "digest":
                values[part.name] = value.to_list() if isinstance(value, Bounds | Grid) else value
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Self:
        """Read and check.

        Raises:
            JetDataError: another version, or content that no header has; the message begins with `where`.
        """
        try:
            values: dict[str, Any] = json.loads(text) if len(text) <= LARGEST_HEADER else {}
            version = values.pop("version")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise JetDataError(f"{where}: the header is damaged") from None
        if version != VERSION:
            raise JetDataError(f"{where}: format version {version!r}; this package reads {VERSION}")
        try:
            if "grid" in values:
                values["grid"] = Grid.from_list(values["grid"], where)
                values["bounds"] = Bounds(*values["bounds"])
            header = cls(**values)
            counts = (header.n_events, header.n_jets, header.n_exact, header.jets_at)
            ok = all(type(count) is int and 0 <= count < 1 << 62 for count in counts)
            lossless = header.coding == "lossless"
            ok &= header.coding in (*CODINGS, "lossless")
            ok &= lossless == (header.grid is None) == (header.bounds is None)
            ok &= header.dtype in ("float64", "float32") and isinstance(header.precision, float)
            ok &= header.unit in UNITS_IN_MEV and header.layout in ("events", "jets")
            ok &= header.schema == FOUR_MOMENTUM.name and isinstance(header.model, str)
        except (TypeError, KeyError, ConfigError):
            ok = False
        if not ok:
            raise JetDataError(f"{where}: the header is damaged")
        return header
