"""The header of a compressed file: all that a decoder has to know, as JSON in the metadata of the Parquet container.

Version 2 writes everything. Version 1 left out what had its default then; what that was is frozen here, so that no
later change of this package changes what a file means.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, Self

from atlas_keras.codec.bounds import COARSEST, NAMES, Bounds
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.errors import ConfigError, JetDataError
from atlas_keras.json_files import parse_json
from atlas_keras.schema import UNITS_IN_MEV

VERSION = 2  # that is written
KEY = b"atlas_keras"
MODEL_KEY = b"atlas_keras.model"
COLUMNS_KEY = b"atlas_keras.columns"
# Columns of ours.
INTEGERS = ("jet_counts", "jet_pt", "jet_eta", "jet_phi", "jet_energy")
SCALES = "jet_scales"
EXACT, CODED = "jet_exact", "jet_coded"
CODINGS = ("entropy", "parquet")
STORED = {"entropy": "dense", "parquet": "portable"}  # files have older names of these codings
CALLED = {stored: name for name, stored in STORED.items()}
MAX_HEADER = 1 << 16
DIGEST_LENGTH = 32
NO_DIGEST = "0" * DIGEST_LENGTH


# What has no meaning for a coding, or without a bound on the mass, is not in its headers, and has these values.
NOT_SAID: dict[str, Any] = {"model": "", "bounds": None, "grid": None, "cut": 0, "precision": 0.0}
# What a header of version 1 means where it says nothing. Never to be changed.
VERSION_1: dict[str, Any] = {
    "model": "",
    "bounds": None,
    "grid": None,
    "cut": 0,
    "precision": 0.0,
    "layout": "events",
    "jets_at": 0,
    "dtype": "float64",
    "schema": "four_momentum",
    "n_events": 0,
    "n_jets": 0,
    "n_exact": 0,
}
ORIGIN, COUNTS = ("layout", "dtype", "jets_at"), ("n_events", "n_jets", "n_exact")  # lists of version 2


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Args:
        coding: `entropy`, `parquet` or `lossless`.
        unit: of E and pt.
        model: fingerprint of the entropy model; empty for `lossless`.
        bounds, grid: None for `lossless`.
        cut: of `entropy`: events of more jets are coded as several of so many, side by side; 0 where none is.
        layout: `events` or `jets`: what a row of the original Parquet file was.
        jets_at: how many of the other columns stood before those of the jets.
        dtype: of E, pt, eta and phi where they are written again.
        precision: of the input, where the mass is bounded: the coarsest of all blocks.
        n_events, n_jets, n_exact: in the file; n_exact jets are stored as they are.
        digest: of the whole file with zeros in this place.
        version: of the format.
    """

    coding: Literal["entropy", "parquet", "lossless"]
    unit: str
    model: str = ""
    bounds: Bounds | None = None
    grid: JetQuantizer | None = None
    cut: int = 0
    layout: Literal["events", "jets"] = "events"
    jets_at: int = 0
    dtype: Literal["float64", "float32"] = "float64"
    precision: float = 0.0
    n_events: int = 0
    n_jets: int = 0
    n_exact: int = 0
    digest: str = NO_DIGEST
    version: int = VERSION

    def to_json(self) -> str:
        """Write as compact JSON: everything that has a meaning for the coding, whatever its value."""
        values: dict[str, Any] = {"version": VERSION, "coding": STORED.get(self.coding, self.coding), "unit": self.unit}
        if self.bounds is not None and self.grid is not None:
            values |= {"model": self.model, "bounds": self.bounds.to_list(), "grid": self.grid.to_list()}
            if self.bounds.mass is not None:
                values["precision"] = self.precision
        if self.coding == "entropy":
            values["cut"] = self.cut
        values["origin"] = [getattr(self, name) for name in ORIGIN]
        values["counts"] = [getattr(self, name) for name in COUNTS]
        values["digest"] = self.digest
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Self:
        """Read and check.

        Raises:
            JetDataError: another version, or content that no header has; the message begins with `where`.
        """
        try:
            values: dict[str, Any] = parse_json(text) if len(text) <= MAX_HEADER else {}
            version = values["version"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise JetDataError(f"{where}: the header is damaged") from None
        if version not in (1, VERSION) or type(version) is not int:
            raise JetDataError(f"{where}: format version {version!r:.40}; this package reads 1 to {VERSION}")
        try:
            values = _fields_of_version_1(values) if version == 1 else _fields_of_version_2(values)
            values["coding"] = CALLED.get(values["coding"], values["coding"])
            if values["grid"] is not None:
                values["grid"] = JetQuantizer.from_list(values["grid"], where)
                values["bounds"] = Bounds.from_list(values["bounds"])
            header = cls(**values)
            ok = header._possible()
            lies = header.grid is not None and header.bounds is not None and not header.grid.serves(header.bounds)
        except (TypeError, ValueError, KeyError, ConfigError):
            ok = False
        if not ok:
            raise JetDataError(f"{where}: the header is damaged")
        if lies:
            raise JetDataError(f"{where}: the header says bounds that its steps do not keep")
        return header

    def _possible(self) -> bool:
        """Tell whether a file can have such a header."""
        counts = (self.n_events, self.n_jets, self.n_exact, self.jets_at, self.cut)
        ok = all(type(count) is int and 0 <= count < 1 << 62 for count in counts)
        ok &= self.coding in (*CODINGS, "lossless")
        ok &= (self.coding == "lossless") == (self.grid is None) == (self.bounds is None)
        ok &= self.dtype in ("float64", "float32")
        ok &= isinstance(self.precision, float) and 0 <= self.precision <= COARSEST
        ok &= self.unit in UNITS_IN_MEV and self.layout in ("events", "jets")
        return ok and isinstance(self.digest, str) and re.fullmatch("[0-9a-f]{0,64}", self.model) is not None


def _fields_of_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """Add what a header of version 1 left out."""
    values = {**VERSION_1, **values}
    if values.pop("schema") != VERSION_1["schema"]:
        raise ValueError("another schema")
    return values


def _fields_of_version_2(values: dict[str, Any]) -> dict[str, Any]:
    """Take the lists of a header of version 2 apart; nothing that a decoder needs may be missing."""
    for key, names in (("origin", ORIGIN), ("counts", COUNTS)):
        values |= zip(names, values.pop(key), strict=True)
    lossless, cut = values["coding"] == "lossless", values["coding"] == STORED["entropy"]
    needed = {"coding", "unit", "version", "digest", *ORIGIN, *COUNTS}
    needed |= set() if lossless else {"model", "bounds", "grid"}
    needed |= {"cut"} if cut else set()
    needed |= {"precision"} if not lossless and len(values["bounds"]) == len(NAMES) else set()
    if set(values) != needed:
        raise ValueError("other keys")
    return {**NOT_SAID, **values}
