"""SavedModels, which plain TensorFlow loads, without Keras and without this package."""

from __future__ import annotations

import contextlib
import errno
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.serving.export_format import Export, ExportFormat, Function, Source
from atlas_keras.serving.metadata import NAME
from atlas_keras.serving.signatures import SIGNATURES

if TYPE_CHECKING:
    import keras

ASSET = Path("assets.extra") / f"{NAME}.json"


def write_saved_model(model: keras.Model, path: str | Path, batch: int | None = None) -> None:
    """Write the signatures `encode`, `decode` and `reconstruct`.

    Args:
        model: an autoencoder of ours.
        path: folder to write; TensorFlow Serving wants its last part to be a number, the version.
        batch: how many jets every call has; None means any number.

    Raises:
        OSError: the folder cannot be written to, or is full.
    """
    import keras  # takes seconds: opening other formats does without
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, signature in SIGNATURES.items():
        layer = model.get_layer(signature.part) if signature.part else model
        spec = tf.TensorSpec((batch, *layer.input_shape[1:]), tf.float32, name=signature.input)
        archive.add_endpoint(name, _endpoint(layer, signature.input, signature.output), input_signature=[spec])
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the endpoints
            archive.write_out(str(path))
    except tf.errors.OpError as error:  # TensorFlow's own file system does not raise OSError
        reason = error.message.strip().partition("\n")[0].rpartition("; ")[2].partition(" [Op:")[0]
        raise OSError(errno.EIO, reason, str(path)) from error


def _endpoint(layer: keras.Model, name_in: str, name_out: str) -> Callable[[Any], dict[str, Any]]:
    def call(x: Any) -> dict[str, Any]:
        return {name_out: layer(x)}

    call.__name__ = f"{name_in}_to_{name_out}"
    return call


def _write(source: Source) -> Iterator[Export]:
    name = "saved_model" if source.serving_version is None else f"saved_model/{source.serving_version}"
    path = source.folder / name
    shutil.copytree(source.saved_model(None), path)
    (path / ASSET).parent.mkdir(exist_ok=True)
    (path / ASSET).write_text(source.metadata("none", None))
    yield Export(name, "saved_model", "none", tuple(SIGNATURES), None)


def _open(path: Path, threads: int | None) -> dict[str, Function]:
    """Open it; threads are those of TensorFlow's configuration."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def function(name: str) -> Function:
        signature, call = SIGNATURES[name], loaded.signatures[name]
        return lambda rows: call(**{signature.input: tf.constant(rows)})[signature.output].numpy()

    return {name: function(name) for name in SIGNATURES if name in loaded.signatures}


def _constants(path: Path) -> list[NDArray]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    return [np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()]


SAVED_MODEL = ExportFormat(
    "saved_model",
    "a folder that TensorFlow and TensorFlow Serving load",
    suffix="",
    any_batch=True,
    write=_write,
    open=_open,
    constants=_constants,
    metadata=lambda path: (path / ASSET).read_bytes(),
)
