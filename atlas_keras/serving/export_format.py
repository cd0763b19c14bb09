"""What a format of exports is: how it is written, opened, and what it tells of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.sections import Section

if TYPE_CHECKING:  # the runtime of edges does without Keras
    from atlas_keras.models.jet_autoencoder import JetAutoencoder

Function = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Export(Section):
    """One export: a file, or the folder of a SavedModel, with where it came from.

    Args:
        name: path inside the folder of exports.
        format: `saved_model`, `tflite` or `onnx`.
        quantization: one of `request.QUANTIZATIONS`.
        signatures: that it has.
        batch: how many jets every call of it has; None means any number.
    """

    name: str
    format: str
    quantization: str
    signatures: tuple[str, ...]
    batch: int | None


@dataclass(frozen=True)
class Source:
    """What exports are made from.

    Args:
        model: the autoencoder.
        folder: that they go into.
        scratch: a folder for files on the way.
        describe: what an export for calls of so many jets (None: any number) says of itself.
        calibration: input of each signature by its name, from the training split.
        quantizations: of LiteRT files.
        batch: how many jets every call has; None means any number.
        serving_version: of the SavedModel, or None.
    """

    model: JetAutoencoder
    folder: Path
    scratch: Path
    describe: Callable[[int | None], Mapping[str, Any]]
    calibration: Mapping[str, Mapping[str, NDArray[np.float32]]]
    quantizations: Sequence[str] = ("none",)
    batch: int | None = None
    serving_version: int | None = None
    _written: dict[int | None, Path] = field(default_factory=dict)

    def saved_model(self, batch: int | None) -> Path:
        """Return a folder with the SavedModel for calls of so many jets (None: of any number), written once.

        All other formats are made from it.
        """
        from atlas_keras.serving.saved_model import write_saved_model  # imports TensorFlow

        if batch not in self._written:
            self._written[batch] = self.scratch / f"saved_model_{batch}"
            write_saved_model(self.model, self._written[batch], batch)
        return self._written[batch]

    def metadata(self, quantization: str, batch: int | None) -> str:
        """Return what an export says of itself, as JSON."""
        return json.dumps({**self.describe(batch), "quantization": quantization}, sort_keys=True)


@dataclass(frozen=True)
class ExportFormat:
    """A format of exports. Adding one is a module with such an object, and its line in `formats.py`.

    Args:
        name: that `--formats` takes.
        description: for its help.
        suffix: of its files; empty for a folder.
        write: writes all exports of the format into the folder of a source, and yields each.
        open: functions by signature, from the path and the number of threads (None: the library's own).
        constants: all float32 numbers that stand in an export, of any shapes.
        metadata: what an export says of itself, as JSON; raises ValueError or OSError where there is none.
        packages: that writing and opening need, of `extras.PACKAGES`.
        any_batch: whether it takes any number of jets always, so that `--batch` is not about it.
        quantized: whether its files can be quantized.
    """

    name: str
    description: str
    suffix: str
    write: Callable[[Source], Iterator[Export]]
    open: Callable[[Path, int | None], dict[str, Function]]
    constants: Callable[[Path], list[NDArray]]
    metadata: Callable[[Path], str | bytes]
    packages: tuple[str, ...] = ()
    any_batch: bool = False
    quantized: bool = False


def in_batches(function: Function, batch: int | None) -> Function:
    """Return a function that takes any number of rows, from one that takes so many; None means any number already."""
    if batch is None:
        return function

    def call(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        n_calls = max(-(-len(rows) // batch), 1)  # one for no rows, too: it tells the width
        padded = np.zeros((n_calls * batch, rows.shape[1]), np.float32)
        padded[: len(rows)] = rows
        results = [function(padded[start : start + batch]) for start in range(0, len(padded), batch)]
        return np.concatenate(results)[: len(rows)]

    return call
