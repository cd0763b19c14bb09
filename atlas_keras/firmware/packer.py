"""The packer as NumPy: fields of jets to words and back. It is the golden model that firmware is compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras.errors import ConfigError, ExportError, reason_of
from atlas_keras.firmware.codes import code_from_dict
from atlas_keras.firmware.field_code import FieldCode, Floats, Integers
from atlas_keras.firmware.hardware_format import Hardware
from atlas_keras.firmware.planning import Radix, choose
from atlas_keras.json_files import read_json
from atlas_keras.sections import require

MAX_WORD = 64  # bits
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Packer:
    """Pack the whole numbers that hardware has of a jet into one word, each within its bound.

    Args:
        hardware: the fields, with their bounds.
        codes: of the fields.
        radix: `bits`, where each code has bits of its own in the word, or `mixed`, where the word is
            c_0 + n_0 (c_1 + n_1 (c_2 + ...)), with n codes of each field.

    Raises:
        ConfigError: another number of codes than of fields, a code for other bits, or a word of more than 64 bits.

    Example:
        >>> from atlas_keras.firmware.hardware_format import read_hardware
        >>> packer = Packer.plan(read_hardware("cms-phase2"))
        >>> packer.word_bits
        35
        >>> packer.decode(packer.encode([[3200, -1000, 500, 400]])).round(3)
        array([[100.484,  -0.767,   0.386,  10.192]])
    """

    hardware: Hardware
    codes: tuple[FieldCode, ...]
    radix: Radix = "bits"

    def __post_init__(self) -> None:
        fields = self.hardware.fields
        require(self.radix in get_args(Radix), f"The radix of a word is 'bits' or 'mixed'. Received: {self.radix!r}")
        fit = [code.bits for code in self.codes] == [field.bits for field in fields]
        require(fit, "A packer has a code for each field, of its bits")
        require(self.word_bits > 0, "These bounds leave nothing of a jet to be told; give narrower ones with --bound")
        require(
            self.word_bits <= MAX_WORD,
            f"A word has at most {MAX_WORD} bits, and these bounds need {self.word_bits}; give wider ones "
            "with --bound, or leave fields out",
        )

    @classmethod
    def plan(cls, hardware: Hardware, radix: Radix = "bits") -> Packer:
        """Choose the shortest code of each field that keeps its bound.

        Raises:
            ConfigError: the word has more than 64 bits.
        """
        return cls(hardware, tuple(choose(field, radix) for field in hardware.fields), radix)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(field.name for field in self.hardware.fields)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many values a field has in the word: powers of two, unless the radix is mixed."""
        return tuple(code.n_codes if self.radix == "mixed" else 1 << code.code_bits for code in self.codes)

    @property
    def divisors(self) -> tuple[int, ...]:
        """What one unit of each code is worth in the word."""
        return tuple(math.prod(self.counts[:index]) for index in range(len(self.codes)))

    @property
    def word_bits(self) -> int:
        """Bits of a word."""
        return (math.prod(self.counts) - 1).bit_length()

    def encode(self, integers: ArrayLike | Mapping[str, ArrayLike]) -> Words:
        """Pack jets.

        Args:
            integers: of the hardware, shape `(n_jets, n_fields)`, or by name of the field.

        Returns:
            Words, shape `(n_jets,)`.

        Raises:
            ValueError: another shape, no whole numbers, or one that its field cannot hold.
        """
        words = np.zeros(len(rows := self._rows(integers)), np.uint64)
        for column, field, code, divisor in zip(rows.T, self.hardware.fields, self.codes, self.divisors, strict=True):
            u = column - field.low
            if outside := np.flatnonzero((u < 0) | (u >= 1 << field.bits)).tolist():
                where, high = outside[0], field.low + (1 << field.bits) - 1
                raise ValueError(f"{field.name} is {field.low} to {high}. Received: {column[where]} in row {where}")
            words += code.encode(u).astype(np.uint64) * np.uint64(divisor)
        return words

    def decode(self, words: ArrayLike) -> Floats:
        """Give the variables of packed jets back: the middles of their cells.

        Args:
            words: shape `(n_jets,)`.

        Returns:
            Shape `(n_jets, n_fields)`, in the units of the variables, such as GeV, rad.

        Raises:
            ValueError: no whole numbers, or one that is no word of this packer.
        """
        middles = self._middles(words)
        return np.stack([f.values(x) for f, x in zip(self.hardware.fields, middles, strict=True)], axis=1)

    def decode_integers(self, words: ArrayLike) -> Integers:
        """Give the hardware's whole numbers nearest to what `decode` gives, at most half an LSB farther off.

        Args:
            words: shape `(n_jets,)`.

        Returns:
            Shape `(n_jets, n_fields)`.

        Raises:
            ValueError: no whole numbers, or one that is no word of this packer.
        """
        return np.floor(np.stack(self._middles(words), axis=1)).astype(np.int64)

    def _middles(self, words: ArrayLike) -> list[Floats]:
        """Return the middles of cells in units of the LSB, a column a field."""
        values = _whole(words, np.uint64, "words")
        if values.ndim != 1 or (values > np.uint64(math.prod(self.counts) - 1)).any():
            raise ValueError(f"words have shape (n_jets,) and {self.word_bits} bits. Received: shape {values.shape}")
        columns = []
        for field, code, count, divisor in zip(
            self.hardware.fields, self.codes, self.counts, self.divisors, strict=True
        ):
            found = (values // np.uint64(divisor) % np.uint64(count)).astype(np.int64)
            if (found >= code.n_codes).any():
                raise ValueError(f"{field.name} has {code.n_codes} codes. Received: {found.max()}")
            columns.append(code.decode(found) + field.low)
        return columns

    def _rows(self, integers: ArrayLike | Mapping[str, ArrayLike]) -> Integers:
        if isinstance(integers, Mapping):
            integers = np.stack([np.asarray(integers[name]) for name in self.names], axis=1)
        rows = _whole(integers, np.int64, "fields")
        if rows.ndim != 2 or rows.shape[1] != len(self.codes):
            raise ValueError(f"jets have shape (n_jets, {len(self.codes)}). Received: {rows.shape}")
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return what `decoder.json` holds: all that another program needs.

        The code of a field is word // `divisor` % `count`. Its middle is `first` + code `step`, or `middles[code]`, in
        units of the LSB; the variable is that times the LSB, or its square root where the field is a square.
        """
        fields = zip(self.hardware.fields, self.codes, self.divisors, self.counts, strict=True)
        return {
            "radix": self.radix,
            "word_bits": self.word_bits,
            "hardware": self.hardware.to_dict(),
            "codes": [
                {"field": f.name, "divisor": d, "count": n, **_cells(code, f.low), "code": code.to_dict()}
                for f, code, d, n in fields
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Packer:
        """Build a packer from what `to_dict` gave.

        Raises:
            ConfigError: something is missing or cannot be.
        """
        try:
            hardware, codes, radix = values["hardware"], [cell["code"] for cell in values["codes"]], values["radix"]
        except (KeyError, TypeError) as error:
            raise ConfigError(f"it lacks {reason_of(error)}") from error
        return cls(Hardware.from_dict(hardware), tuple(map(code_from_dict, codes)), radix)

    @classmethod
    def read(cls, path: str | Path) -> Packer:
        """Read the `decoder.json` of an export.

        Raises:
            ExportError: no such file, or none that `export_packer` wrote.
        """
        path = Path(path)
        try:
            return cls.from_dict(read_json(path, ExportError, "give the decoder.json of a packer"))
        except ConfigError as error:
            raise ExportError(f"{path}: is no decoder.json of a packer ({reason_of(error)})") from error


def _cells(code: FieldCode, low: int) -> dict[str, Any]:
    """Return the middles of cells, as two numbers where they are evenly spaced."""
    middles: Floats = code.decode(np.arange(code.n_codes)) + low
    steps: Sequence[float] = np.unique(np.diff(middles)).tolist()
    if len(steps) <= 1:
        return {"first": float(middles[0]), "step": steps[0] if steps else 1.0}
    return {"middles": middles.tolist()}


def _whole(values: ArrayLike, dtype: Any, what: str) -> Any:
    """Return whole numbers as another type; floats would be rounded in silence."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or (dtype is np.uint64 and (array < 0).any()):
        raise ValueError(f"{what} are whole numbers{', not negative' * (dtype is np.uint64)}. Received: {array.dtype}")
    return array.astype(dtype)
