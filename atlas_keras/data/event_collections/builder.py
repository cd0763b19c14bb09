"""TFDS builder of any collection of any files: events, each with a sequence of objects and their columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from atlas_keras import extras
from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.files import PathLike, find_files
from atlas_keras.data.look import choose_collection
from atlas_keras.data.readers import read_events
from atlas_keras.data.source import fingerprint
from atlas_keras.data.splitting import SPLITS, JetTable, collect, split_examples, split_sizes
from atlas_keras.errors import JetDataError
from atlas_keras.schema import Collection

try:
    import tensorflow_datasets as tfds
except ImportError as error:
    raise extras.missing("tensorflow_datasets") from error


@dataclass
class CollectionConfig(tfds.core.BuilderConfig):
    """Which events, objects and columns a data set has.

    Args:
        files: files, folders, patterns or URLs, as `atlas_keras.read_events` takes them.
        collection: name of the collection; empty means the jets, `events` the columns of the events.
        features: names and patterns of its columns; none means E, pt, eta and phi.
        unit: of energies in the data set, `MeV` or `GeV`.
        source_unit: of files that do not state it; empty where they do.
        tree: of ROOT files; empty takes the only one that has the collection.
        invalid: `error`, or `drop` bad rows.
        seed: of the split.
    """

    files: tuple[str, ...] = ()
    collection: str = ""
    features: tuple[str, ...] = ()
    unit: str = "GeV"
    source_unit: str = ""
    tree: str = ""
    invalid: str = "error"
    seed: int = 0

    def columns(self) -> Collection:
        """Look into the first file which columns these are.

        Raises:
            JetDataError: no such file, collection or column.
        """
        first = find_files(self.files)[0]
        return choose_collection(first, self.collection or None, self.features, self.tree or None)


def collection_config(files: PathLike | Sequence[PathLike], collection: str = "", **options: Any) -> CollectionConfig:
    """Make a config whose name has a digest of the files and of all that is said, so that no old data pass for it.

    Args:
        files: files, folders, patterns or URLs.
        collection: as in `CollectionConfig`.
        options: its further fields.

    Raises:
        JetDataError: no such file.

    Example:
        >>> config = collection_config("sample:substructure", "Jet", features=("pt", "mass"))
        >>> config.name.partition("-")[0]
        'Jet'
    """
    given = [files] if isinstance(files, str) or not isinstance(files, Sequence) else files
    names = tuple(map(str, given))
    content = json.dumps([fingerprint(names)["data_sha256"], collection, options], default=str, sort_keys=True)
    name = f"{collection or 'jets'}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    return CollectionConfig(name=name, files=names, collection=collection, **options)


class EventCollections(tfds.core.GeneratorBasedBuilder):
    """Events: `event` (int64, its number over all files) and, under the collection's name, a sequence of its columns.

    Columns are float32, as models take them; energies are in the unit of the config, angles in rad. The splits `train`,
    `validation` and `test` are those of `atlas_keras.train`, by event.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    BUILDER_CONFIGS: ClassVar = [
        CollectionConfig(
            name="substructure",
            description="QCD jets with 30 variables, the sample that ships with atlas_keras.",
            files=("sample:substructure",),
            features=("*",),
        )
    ]

    def _info(self) -> Any:
        columns = self.builder_config.columns()
        features = {name: np.float32 for name in columns.names}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"event": np.int64, columns.name: tfds.features.Sequence(features)})
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        table = self._read()
        if min(split_sizes(table.n_events, DataConfig()).values()) == 0:
            raise JetDataError(f"{self.builder_config.files[0]}: {table.n_events} events are too few for three splits")
        return {name: self._generate_examples(table, name) for name in SPLITS}

    def _generate_examples(self, table: JetTable, split: str) -> Iterator[tuple[int, dict]]:
        """Yield the events of a split, see `split_examples`."""
        return split_examples(table, split, self.builder_config.seed)

    def _read(self) -> JetTable:
        config = self.builder_config
        batches = read_events(
            config.files,
            collection=config.columns(),
            unit=config.unit,
            source_unit=config.source_unit or None,
            tree=config.tree or None,
            policy=InvalidPolicy(config.invalid),
            others=False,
        )
        return collect(batches)
