"""A quantized encoder as firmware has it: field codes, a network of whole numbers, and the word of its outputs.

The network is traced by alkaid, which makes adders and shifts of it. What Keras computes is the golden model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

from atlas_keras import extras
from atlas_keras.errors import ExportError, reason_of
from atlas_keras.firmware.field_code import FieldCode, Floats, Integers
from atlas_keras.firmware.hardware_format import Hardware
from atlas_keras.firmware.integer_network import IntegerLayer, integer_layers
from atlas_keras.firmware.latent_word import LatentWord, Number
from atlas_keras.models.hardware_codes import HardwareCodes
from atlas_keras.models.prediction import Predictor


@dataclass(frozen=True)
class TriggerEncoder:
    """An encoder whose firmware can be written.

    Args:
        hardware: its fields.
        codes: of the fields.
        network: scaled codes -> latent, of quantized layers.
        logic: what alkaid has made of the network.
        word: of its outputs.
    """

    hardware: Hardware
    codes: tuple[FieldCode, ...]
    network: keras.Model
    logic: Any
    word: LatentWord
    _predict: Predictor = field(repr=False)

    @classmethod
    def of(cls, encoder: keras.Model) -> TriggerEncoder:
        """Trace an encoder.

        Args:
            encoder: of an autoencoder of the architecture `trigger`.

        Raises:
            ConfigError: the word has more than 64 bits.
            ExportError: alkaid cannot convert it.
            MissingExtraError: alkaid is not installed.
        """
        layer = encoder.get_layer("codes")
        assert isinstance(layer, HardwareCodes)
        network = keras.Model(layer.output, encoder.output, name="network")
        logic = trace(network, layer.bits)
        formats = zip(*(np.ravel(part).tolist() for part in logic.out_kifs), strict=True)
        numbers = tuple(Number(int(k + i + f), int(f), bool(k)) for k, i, f in formats)
        return cls(layer.hardware, layer.codes, network, logic, LatentWord(numbers), Predictor(network))

    @cached_property
    def layers(self) -> tuple[IntegerLayer, ...]:
        """The network as whole numbers.

        Raises:
            ExportError: a sum has more bits than can be computed with.
        """
        return integer_layers(self.network)

    @property
    def bit_operations(self) -> int:
        """Bit operations of the network as HGQ2 counts them, in its loss as well."""
        return round(sum(float(layer.ebops) for layer in self.network.layers if hasattr(layer, "ebops")))

    def scaled(self, rows: Integers) -> Floats:
        """Return what the network takes.

        Args:
            rows: whole numbers of the hardware, shape `(n, n_fields)`.
        """
        parts = zip(rows.T, self.hardware.fields, self.codes, strict=True)
        columns = [
            (code.encode(x - part.low) - 2.0 ** (code.code_bits - 1)) * 2.0 ** (2 - code.code_bits)
            for x, part, code in parts
        ]
        return np.stack(columns, axis=1)

    def latent(self, rows: Integers) -> Floats:
        """Return what Keras computes of whole numbers of the hardware, shape `(n, n_numbers)`."""
        return self._predict(self.scaled(rows).astype(np.float32)).astype(np.float64)


def trace(network: keras.Model, bits: Integers, more: int = 0) -> Any:
    """Convert a quantized network to adders and shifts by alkaid.

    Args:
        network: scaled codes -> latent.
        bits: of each code.
        more: bits before the point that inputs have beyond those that codes need.

    Raises:
        ExportError: it has a layer that alkaid does not know.
        MissingExtraError: alkaid is not installed.
    """
    extras.require("alkaid")
    from alkaid.converter import trace_model  # an optional package
    from alkaid.trace import FVArray, HWConfig
    from alkaid.trace import trace as trace_logic

    kif = (np.full(len(bits), value, np.int8) for value in (1, 1 + more))
    given = FVArray.from_kif(*kif, (bits - 2).astype(np.int8), HWConfig(1, 1, -1), 0, None)
    try:
        return trace_logic(*trace_model(network, inputs=(given,), hwconf=HWConfig(1, 1, -1)))
    except Exception as error:  # of whatever kind alkaid has for what it does not know
        raise ExportError(f"alkaid cannot convert this encoder ({reason_of(error)})") from error
