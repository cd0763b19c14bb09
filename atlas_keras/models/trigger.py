"""The autoencoder of triggers: a quantized encoder that becomes firmware, and a decoder that stays a float network.

Its columns are the variables of a hardware format, or the four-momentum of a jet. The encoder takes the field codes
that a packer has within the same bounds (`firmware/`), and an error of the decoder counts in cells of these codes. A
decoder in software may be as large as it likes; what the encoder costs, in bit operations, is part of the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from atlas_keras.errors import ConfigError
from atlas_keras.firmware.hardware_format import Hardware, read_hardware
from atlas_keras.firmware.planning import choose
from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.layers.jet_variables import VARIABLES, JetVariables
from atlas_keras.layers.selection import FirstColumns
from atlas_keras.models.architecture import Architecture, ModelConfig, ModelFacts
from atlas_keras.models.building import chain, has_momenta, jets_input, latent_input
from atlas_keras.models.hardware_codes import HardwareCodes
from atlas_keras.models.jet_autoencoder import JetAutoencoder, Objective
from atlas_keras.models.quantized import quantized_stack, start_linear
from atlas_keras.models.residual_map import ResidualMap, principal_components
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.schema import Collection
from atlas_keras.sections import require

OCTAVES = 2.0  # of the error, that one unit of the score means
MOST_SCORE = 4.0  # where a score saturates


@dataclass(frozen=True)
class TriggerConfig(ModelConfig):
    """The configuration of an autoencoder for triggers.

    Args:
        hardware: name of a hardware format, or path of its TOML file; its bounds say how finely the encoder sees.
        latent_bits: of each number of the latent.
        score: whether the encoder gives one number more, which estimates how far the decoder is going to be off.
        weight_bits: that a weight begins with; training changes them one by one.
        bit_weight: what a bit operation of the encoder counts in the loss.
        decoder_widths: units of the decoder's hidden layers.
    """

    hardware: str
    latent_bits: int
    score: bool
    weight_bits: int
    bit_weight: float
    decoder_widths: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        require(2 <= self.latent_bits <= 24, f"model.latent_bits is 2 to 24. Received: {self.latent_bits}")
        require(1 <= self.weight_bits <= 16, f"model.weight_bits is 1 to 16. Received: {self.weight_bits}")
        require(0 <= self.bit_weight < 1, f"model.bit_weight is 0 to 1. Received: {self.bit_weight}")
        require(bool(self.widths), "model.widths of an encoder for triggers has one layer at least")
        n = self.n_latent + self.score
        require(n * self.latent_bits <= 64, f"A word has at most 64 bits. Received: {n} numbers of {self.latent_bits}")


class Strangers(keras.layers.Layer):
    """Give, in training, rows of which some codes are replaced by any in their range; what a score learns strangers by.

    A row has up to `MOST` of its codes replaced, by chance; outside of training they stay as they are.
    """

    MOST = 0.3

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chance = keras.random.SeedGenerator()

    def call(self, rows: Any, training: bool = False) -> Any:
        """Replace codes of rows, shape `(n, n_fields)`."""
        if not training:
            return rows
        shape = ops.shape(rows)
        share = self.MOST * keras.random.uniform((shape[0], 1), seed=self.chance)
        any_code = keras.random.uniform(shape, -2.0, 2.0, seed=self.chance)
        return ops.where(keras.random.uniform(shape, seed=self.chance) < share, any_code, rows)


class Halves(keras.layers.Layer):
    """Put the second half of rows beside the first one, `(2 n, n_columns)` -> `(n, 2 n_columns)`."""

    def call(self, rows: Any) -> Any:
        """Put them side by side."""
        n = ops.shape(rows)[0] // 2
        return ops.concatenate([rows[:n], rows[n:]], axis=1)


@keras.saving.register_keras_serializable(package=PACKAGE)
class CodeErrors(Objective):
    """The mean squared error in cells of the field codes, over its usual size; and that of the score, if there is one.

    A score s estimates the error e of its own row as log2(e) = 2 s, and saturates with the latent, at 8 octaves. From
    the rows of the training alone it would learn nothing of what is unlike them, which is what it is for: it learns
    from strangers as well, whose error counts for the score and not for the autoencoder.

    Args:
        bits: of each code, shape `(n_fields,)`.
        usual: squared error that counts as 1.
        n_latent: numbers that the decoder takes; a score is the one behind them.
        score: whether there is one.
    """

    normalized = "codes"

    def __init__(self, bits: Sequence[int], usual: float, n_latent: int, score: bool) -> None:
        self.bits, self.usual, self.n_latent, self.score = list(bits), usual, n_latent, score
        self._weights = np.exp2(np.asarray(bits, np.float32) - 2) / np.sqrt(np.float32(usual))

    def error(self, rows: Any, outputs: Any) -> Any:
        """Compute the error of each row, both of shape `(n, n_fields)` at least."""
        n = len(self.bits)
        return ops.mean(ops.square((outputs[:, :n] - rows[:, :n]) * self._weights), axis=1)

    def __call__(self, rows: Any, outputs: Any) -> Any:
        """Compute the mean loss.

        Args:
            rows: scaled codes, shape `(n, n_fields)`.
            outputs: of the trained part: codes that come back, score, and codes that went in, and those of
                strangers.
        """
        if not self.score:
            return ops.mean(self.error(rows, outputs))
        own, strangers = ops.split(outputs, 2, axis=1)
        return ops.mean(self.error(rows, own)) + self._score_error(own) + self._score_error(strangers)

    def _score_error(self, outputs: Any) -> Any:
        n = len(self.bits)
        error = self.error(outputs[:, n + 1 :], outputs)
        wanted = ops.stop_gradient(ops.log(error + 1e-3) / (OCTAVES * float(np.log(2))))
        return ops.mean(ops.square(outputs[:, n] - ops.clip(wanted, -MOST_SCORE, MOST_SCORE)))

    def trained(self, encoder: keras.Model, decoder: keras.Model) -> keras.Model:
        """Return what is trained; see the outputs of a call."""
        down = keras.Model(encoder.get_layer(self.normalized).output, encoder.output)
        up = keras.Model(decoder.input, decoder.get_layer(f"{self.normalized}_inverse").input)
        rows = keras.Input(down.input.shape[1:])
        if not self.score:
            return keras.Model(rows, up(down(rows)), name="normalized_autoencoder")
        both = ops.concatenate([rows, Strangers(name="strangers")(rows)], axis=0)
        latent = down(both)
        outputs = ops.concatenate([up(latent), latent[:, self.n_latent :], both], axis=1)
        return keras.Model(rows, Halves(name="halves")(outputs), name="normalized_autoencoder")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"bits": self.bits, "usual": self.usual, "n_latent": self.n_latent, "score": self.score}


def check_columns(hardware: Hardware, collection: Collection) -> None:
    """Refuse jets that a hardware format does not have.

    Raises:
        ConfigError: other columns than the variables of the format.
    """
    names = [field.variable for field in hardware.fields]
    if has_momenta(collection):
        if sorted(names) != sorted(VARIABLES):
            raise ConfigError(f"{hardware.title} is no format of jets with {', '.join(VARIABLES)}")
    elif tuple(names) != collection.names:
        raise ConfigError(f"The columns of {hardware.title} are, in this order, {','.join(names)}; give --features so")


def build_trigger(config: TriggerConfig, rows: TrainingRows, facts: ModelFacts) -> JetAutoencoder:
    """Build the autoencoder of triggers.

    Args:
        config: widths of the encoder, bits, hardware format.
        rows: the training split.
        facts: the columns, and the unit of energies, in the data and in the model.

    Raises:
        ConfigError: a hardware format that cannot be read, or that is about other columns.
        MissingExtraError: HGQ2 is not installed.
    """
    require(config.activation == "relu", f"model.activation of a trigger is relu. Received: {config.activation!r}")
    hardware, n = read_hardware(config.hardware), len(facts.collection)
    check_columns(hardware, facts.collection)
    names = [field.variable for field in hardware.fields]
    codes = [choose(field, "bits").to_dict() for field in hardware.fields]
    fields = HardwareCodes(hardware.to_dict(), codes, facts.unit, name="codes")
    first = [JetVariables(names, name="variables")] if has_momenta(facts.collection) else []

    layers = quantized_stack(
        int(fields.bits.max()),
        config.widths,
        config.n_latent + config.score,
        config.latent_bits,
        weight_bits=config.weight_bits,
        bit_weight=config.bit_weight,
    )
    inputs, latent = jets_input(n), latent_input(config.n_latent + config.score)
    encoder = keras.Model(inputs, chain(inputs, [*first, fields, *layers]), name="encoder")
    up = ResidualMap(config.n_latent, n, replace(config, widths=config.decoder_widths), "decoder")
    stored = FirstColumns(config.n_latent, name="stored")(latent) if config.score else latent
    decoder = keras.Model(
        latent, chain(up(stored), [fields.inverse(), *(layer.inverse() for layer in first)]), name="decoder"
    )

    statistics = rows.statistics(lambda jets: chain(jets, [*first, fields]))
    mean, cells = statistics.mean(np.float32), np.exp2(fields.bits.astype(np.float32) - 2)
    scaled = statistics.about(mean)
    kernel, back = principal_components(scaled, cells, config.n_latent)
    start_linear(layers, kernel, mean)
    up.start(back, mean)
    left = (scaled @ (np.eye(n, dtype=np.float32) - kernel @ back)) * cells
    objective = CodeErrors(fields.bits.tolist(), max(float(np.mean(left**2)), 1e-3), config.n_latent, config.score)
    return JetAutoencoder(encoder, decoder, objective, facts, name="autoencoder")


TRIGGER = Architecture(
    "trigger",
    TriggerConfig,
    build_trigger,
    space={"learning_rate": {"low": 1e-3, "high": 2e-2, "scale": "log"}, "width": {"values": [8, 12, 16, 24, 32]}},
    unquantizable="its encoder has few bits already, and becomes firmware",
    for_firmware=True,
)
