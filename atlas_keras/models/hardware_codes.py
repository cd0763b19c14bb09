"""The input of a quantized encoder: whole numbers of a hardware format, each as its field code, scaled to [-2, 2).

Firmware computes the same codes by `firmware/`, from the whole numbers; the network takes it on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from atlas_keras.firmware.codes import code_from_dict
from atlas_keras.firmware.hardware_format import Field, Hardware
from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer, columns, rows
from atlas_keras.models.quantized import import_hgq
from atlas_keras.schema import UNITS_IN_MEV


@keras.saving.register_keras_serializable(package=PACKAGE)
class HardwareCodes(InvertibleLayer):
    """Map the variables of a hardware format to its field codes, as numbers in [-2, 2), or back.

    A variable becomes the nearest whole number, as hardware makes it (an angle wraps, all else saturates), and that the
    number of its cell, c of b bits: y = (c - 2^(b-1)) / 2^(b-2), a fixed-point number that firmware has by inverting
    one bit. Back, what lies between two cells is a value between their middles, and what lies outside the last one.

    Args:
        hardware: the format, in the form of `Hardware.to_dict`.
        codes: of each field, in the form of `FieldCode.to_dict`; each of 2 bits at least.
        unit: of energies, `MeV` or `GeV`.
        invert: undo it.
    """

    def __init__(
        self, hardware: dict[str, Any], codes: Sequence[dict[str, Any]], unit: str, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.hardware, self.codes = Hardware.from_dict(hardware), tuple(map(code_from_dict, codes))
        self.unit, self.invert = unit, invert

    @property
    def bits(self) -> NDArray[np.int64]:
        """Bits of each code."""
        return np.array([code.code_bits for code in self.codes])

    def call(self, x: Any) -> Any:
        """Map x, shape `(n, n_fields)`, to the scaled codes or back."""
        one = self._undo if self.invert else self._apply
        parts = columns(x, len(self.codes))
        return rows([one(index, ops.reshape(part, (-1,)))[None] for index, part in enumerate(parts)])

    def factor(self, field: Field) -> float:
        """Return what a value in the unit of the model is multiplied by, for the unit of the field."""
        known = UNITS_IN_MEV.get(field.unit_of_variable)
        return UNITS_IN_MEV[self.unit] / known if known else 1.0

    def _apply(self, index: int, x: Any) -> Any:
        field, code = self.hardware.fields[index], self.codes[index]
        v, n = x * self.factor(field), 1 << field.bits
        u = ops.round((v * ops.abs(v) if field.square else v) / field.lsb) - field.low
        u = u - n * ops.floor(u / n) if field.wrap else ops.clip(u, 0, n - 1)
        edges = np.searchsorted(code.encode(np.arange(n)), np.arange(1, code.n_codes))  # the first number of each cell
        cell = ops.searchsorted(ops.convert_to_tensor(edges.astype(self.compute_dtype)), u, side="right")
        return (ops.cast(cell, self.compute_dtype) - 2.0 ** (code.code_bits - 1)) * 2.0 ** (2 - code.code_bits)

    def _undo(self, index: int, y: Any) -> Any:
        field, code = self.hardware.fields[index], self.codes[index]
        cell = ops.clip(y * 2.0 ** (code.code_bits - 2) + 2.0 ** (code.code_bits - 1), 0, code.n_codes - 1)
        middles = code.decode(np.arange(code.n_codes)) + field.low
        table = ops.convert_to_tensor(np.append(middles, middles[-1]).astype(self.compute_dtype))
        below = ops.floor(cell)
        at = ops.cast(below, "int32")
        low, high = ops.take(table, at), ops.take(table, at + 1)
        value = (low + (cell - below) * (high - low)) * field.lsb
        return (ops.sqrt(ops.maximum(value, 0)) if field.square else value) / self.factor(field)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HardwareCodes:
        """Build from the arguments, and import what the layers behind it are made of: Keras asks this one first.

        Raises:
            MissingExtraError: HGQ2 is not installed.
        """
        if not config["invert"]:
            import_hgq()
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        codes = [code.to_dict() for code in self.codes]
        own = {"hardware": self.hardware.to_dict(), "codes": codes, "unit": self.unit, "invert": self.invert}
        return {**super().get_config(), **own}
