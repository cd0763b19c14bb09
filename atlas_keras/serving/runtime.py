"""Encode and decode jets on machines without TensorFlow: numpy and ai-edge-litert are all that this module needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras import extras
from atlas_keras.errors import ExportError, reason_of
from atlas_keras.serving.export_format import in_batches
from atlas_keras.serving.litert import metadata_of
from atlas_keras.serving.metadata import parse
from atlas_keras.serving.signatures import SIGNATURES

WORD_BYTES = 8  # in which files take the words of firmware
BATCH = 16_384  # rows at a time: memory stays bounded, and the working set in the processor's cache


class _Runtime:
    """One signature of a LiteRT file that `atlas_keras.export` wrote.

    An object belongs to one thread at a time; threads that work in parallel have one each.

    Args:
        path: the file.
        threads: that one call may use; more than one pays for large batches only.
        fingerprint: of the model that the file has to come from; None takes any.

    Attributes:
        metadata: what the file tells about itself.
        unit: of E and pt, `MeV` or `GeV`.
        columns: of jets, in order.
        n_latent: how many numbers are stored for a jet.
        preset: of the model.
        fingerprint: of the model; a decoder with the same one understands the latent.
        quantization: how the file was quantized, `none` for float32.
        batch: how many rows every call of the file has, the last ones filled up with zeros; None means any number.

    Raises:
        ExportError: no such file, no export of ours, a file without this signature, or another fingerprint.
        MissingExtraError: ai-edge-litert is not installed.
    """

    signature: ClassVar[str]

    def __init__(self, path: str | Path, *, threads: int = 1, fingerprint: str | None = None) -> None:
        interpreters = extras.load("ai_edge_litert.interpreter")
        if threads < 1:
            raise ValueError(f"threads is at least 1. Received: {threads}")
        names = SIGNATURES[self.signature]
        try:
            content = Path(path).read_bytes()
            self.metadata: dict[str, Any] = parse(metadata_of(content))
            self._interpreter = interpreters.Interpreter(model_content=content, num_threads=threads)
            signatures = list(self._interpreter.get_signature_list())
            runner = self._interpreter.get_signature_runner(self.signature) if self.signature in signatures else None
            tensor = runner.get_input_details()[names.input] if runner else {}
            shape = [int(n) for n in tensor.get("shape_signature", [])]
        except OSError as error:
            raise ExportError(f"{path}: {error.strerror or error}") from error
        except Exception as error:  # the interpreter has errors of many kinds
            raise ExportError(f"{path}: no LiteRT file of atlas_keras ({reason_of(error)})") from error
        self.unit: str = self.metadata["unit"]
        self.columns: tuple[str, ...] = tuple(self.metadata["columns"])
        self.n_latent: int = self.metadata["n_latent"]
        self.preset: str = self.metadata["preset"]
        self.fingerprint: str = self.metadata["fingerprint"]
        self.quantization: str = self.metadata["quantization"]
        if runner is None:
            raise ExportError(f"{path}: cannot {self.signature}; the file has {', '.join(signatures)}")
        if fingerprint not in (None, self.fingerprint):
            raise ExportError(
                f"{path}: comes from another model, of fingerprint {self.fingerprint[:12]}; latents of one model mean "
                f"nothing to another. Wanted: {str(fingerprint)[:12]}"
            )
        widths = {"jets": len(self.columns), "latent": self.n_latent}
        self._input, self._n_in, self._n_out = names.input, widths[names.input], widths[names.output]
        if shape[1:] != [self._n_in]:
            raise ExportError(
                f"{path}: says that its {names.input} have {self._n_in} columns, and they have {shape[1:]}"
            )
        self.batch: int | None = None if shape[0] < 0 else shape[0]
        self._dtype = tensor["dtype"]
        self._call = in_batches(lambda rows: runner(**{names.input: rows})[names.output], self.batch)

    def __call__(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Compute the signature for rows, shape `(n, n_inputs)`, or for one, shape `(n_inputs,)`.

        Raises:
            ValueError: another shape.
        """
        values = np.ascontiguousarray(self._numbers(rows), self._dtype)
        if values.ndim not in (1, 2) or values.shape[-1] != self._n_in:
            raise ValueError(
                f"{type(self).__name__} takes {self._input} of shape (n, {self._n_in}) or ({self._n_in},). "
                f"Received: shape {values.shape}"
            )
        result = self._in_batches(np.atleast_2d(values))
        return result[0] if values.ndim == 1 else result

    def _numbers(self, rows: Any) -> NDArray[Any]:
        """Take rows as an array; a DataFrame knows which of its columns is which."""
        if self._input == "jets" and hasattr(rows, "columns"):
            if missing := [name for name in self.columns if name not in rows.columns]:
                raise ValueError(f"The DataFrame lacks the column {missing[0]}; jets have {', '.join(self.columns)}")
            rows = rows[list(self.columns)]
        values = np.asarray(rows)
        if values.dtype.kind not in "fiub" or np.ma.is_masked(rows):
            what = "masked values" if np.ma.is_masked(rows) else f"values of type {values.dtype}"
            raise ValueError(f"{type(self).__name__} takes real numbers. Received: {what}")
        return values

    def _in_batches(self, rows: NDArray) -> NDArray[np.float32]:
        step = max(BATCH // (self.batch or 1), 1) * (self.batch or 1)
        if 0 < len(rows) <= step:
            return self._call(rows)
        result = np.empty((len(rows), self._n_out), np.float32)
        for start in range(0, len(rows), step):
            result[start : start + step] = self._call(rows[start : start + step])
        return result


class JetEncoder(_Runtime):
    """Encode jets by a LiteRT file, without TensorFlow.

    Example:
        >>> encoder = JetEncoder("exports/folded/encoder.tflite")
        >>> encoder.columns, encoder.unit
        (('E', 'pt', 'eta', 'phi'), 'MeV')
        >>> encoder.encode([[2e5, 1e5, 1.2, 0.5]]).shape
        (1, 3)
    """

    signature = "encode"

    def encode(self, jets: ArrayLike) -> NDArray[np.float32]:
        """Encode jets.

        Args:
            jets: shape `(n_jets, 4)`, or `(4,)` for one jet: E, pt [unit], eta, phi [rad].

        Returns:
            The latent, shape `(n_jets, n_latent)` or `(n_latent,)`, float32.

        Raises:
            ValueError: another shape.
        """
        return self(jets)


class JetDecoder(_Runtime):
    """Decode the latent of jets by a LiteRT file, without TensorFlow; `fingerprint` refuses another model's file.

    The file of a packer (`export --formats verilog,tflite`) takes the words of its firmware.

    Example:
        >>> encoder = JetEncoder("exports/folded/encoder.tflite")
        >>> decoder = JetDecoder("exports/folded/decoder.tflite", fingerprint=encoder.fingerprint)
        >>> decoder.decode(encoder.encode([2e5, 1e5, 1.2, 0.5])).shape
        (4,)
    """

    signature = "decode"

    def decode(self, latent: ArrayLike) -> NDArray[np.float32]:
        """Decode the latent.

        Args:
            latent: shape `(n_jets, n_latent)`, or `(n_latent,)` for one jet; of a packer words, shape `(n_jets,)`, or
                one, whole numbers.

        Returns:
            Jets, shape `(n_jets, n_columns)` or `(n_columns,)`, float32: their `columns`, energies in `unit`.

        Raises:
            ValueError: another shape, or a word that is longer than those of the packer.
        """
        return self(latent) if self.word_bits is None else self(self._bytes_of(latent))

    @property
    def word_bits(self) -> int | None:
        """Bits of a packer's words; None where the file takes a latent of numbers."""
        return self.metadata.get("word_bits")

    def _bytes_of(self, words: ArrayLike) -> NDArray[np.uint8]:
        """Return words as the file takes them, shape `(n_jets, 8)` or `(8,)`, the lowest byte first."""
        values = np.asarray(words)
        if values.dtype.kind not in "ui" or values.ndim > 1:
            raise ValueError(
                f"This decoder takes words, whole numbers of shape (n,). Received: {values.dtype} of shape "
                f"{values.shape}"
            )
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < 1 << self.metadata["word_bits"]:
            raise ValueError(f"A word of this packer has {self.word_bits} bits. Received: {int(values.max()):#x}")
        return np.ascontiguousarray(values[..., None], "<u8").view(np.uint8)
