"""Learned compression of particle-physics data: autoencoders of the objects of events, and files within bounds.

Public names are resolved on first use, so that importing the package does not import TensorFlow.
"""

from __future__ import annotations

from atlas_keras.public_names import on_first_use
from atlas_keras.registration import register_classes

__version__ = "0.2.0"

_PUBLIC = {
    "AtlasKerasError": "atlas_keras.errors",
    "Bounds": "atlas_keras.codec.bounds",
    "Collection": "atlas_keras.schema",
    "Column": "atlas_keras.schema",
    "DataConfig": "atlas_keras.config",
    "Evaluation": "atlas_keras.evaluation.evaluation",
    "JetCodec": "atlas_keras.codec.jet_codec",
    "JetDecoder": "atlas_keras.serving.runtime",
    "JetEncoder": "atlas_keras.serving.runtime",
    "JetHyperModel": "atlas_keras.training.hypermodel",
    "NormalizedLoss": "atlas_keras.models.jet_autoencoder",
    "Packer": "atlas_keras.firmware.packer",
    "RunConfig": "atlas_keras.config",
    "Schema": "atlas_keras.schema",
    "build_autoencoder": "atlas_keras.models.autoencoder",
    "choose_collection": "atlas_keras.data.look",
    "compress_columns": "atlas_keras.codec.columns.files",
    "compress_file": "atlas_keras.codec.files",
    "convert_files": "atlas_keras.distributed.folders",
    "dask_arrays": "atlas_keras.codec.columns.dask_arrays",
    "decompress_file": "atlas_keras.codec.files",
    "decompress_columns": "atlas_keras.codec.columns.decompression",
    "evaluate_run": "atlas_keras.evaluation.run_evaluation",
    "export_autoencoder": "atlas_keras.serving.artifacts",
    "export_encoder": "atlas_keras.firmware.encoder_export",
    "export_packer": "atlas_keras.firmware.packer_export",
    "fit_columns": "atlas_keras.codec.columns.models",
    "infer_schema": "atlas_keras.data.infer_schema",
    "leading_objects": "atlas_keras.data.leading_objects",
    "load_autoencoder": "atlas_keras.models.autoencoder",
    "load_jets": "atlas_keras.data.readers",
    "load_run": "atlas_keras.evaluation.run",
    "open_compressed": "atlas_keras.codec.columns.opening",
    "preset_config": "atlas_keras.config",
    "read_events": "atlas_keras.data.readers",
    "train_run": "atlas_keras.training.run",
    "write_events": "atlas_keras.data.writers",
}
__all__ = ["__version__", *_PUBLIC]

register_classes()
__getattr__ = on_first_use(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
