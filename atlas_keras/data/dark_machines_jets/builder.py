"""TFDS builder of events with a sequence of jets: the shipped sample, or a downloaded Dark Machines file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from atlas_keras import extras
from atlas_keras.checksum import sha256_of
from atlas_keras.data.readers import read_events
from atlas_keras.data.samples import SAMPLE
from atlas_keras.data.splitting import SPLITS, collect, split_examples
from atlas_keras.schema import FOUR_MOMENTUM

try:
    import tensorflow_datasets as tfds
except ImportError as error:
    raise extras.missing("tensorflow_datasets") from error

KNOWN_FILE = "monojet_Zp2000.0_DM_50.0_chan3.csv"
KNOWN_SHA256 = "82daf06edb9ef2574e7938c6b03fdee93f1bcab3d284233d3f3c61e8ed92e55d"
MANUAL = f"""
For the config `channel3`, put {KNOWN_FILE} (sha256 {KNOWN_SHA256}) from the Dark Machines anomaly score challenge,
https://zenodo.org/record/3685861, into the manual folder. The config `sample` needs nothing.
"""


@dataclass
class JetsConfig(tfds.core.BuilderConfig):
    """Which file a config reads.

    Args:
        file: name in the manual folder; None is the shipped sample.
        sha256: of the file.
    """

    file: str | None = None
    sha256: str | None = None


class DarkMachinesJets(tfds.core.GeneratorBasedBuilder):
    """Events with their jets: `event` (int64) and `jets`, a sequence of E, pt [MeV], eta, phi [rad] (float32).

    The splits `train`, `validation` and `test` are those of `atlas_keras.train` with seed 0.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL
    BUILDER_CONFIGS: ClassVar = [
        JetsConfig(name="sample", description="The QCD sample that ships with atlas_keras."),
        JetsConfig(
            name="channel3",
            description="Monojet signal, channel 3 of the Dark Machines challenge.",
            file=KNOWN_FILE,
            sha256=KNOWN_SHA256,
        ),
    ]

    def _info(self) -> Any:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {"event": np.int64, "jets": tfds.features.Sequence({name: np.float32 for name in FOUR_MOMENTUM.names})}
            ),
            homepage="https://zenodo.org/record/3685861",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        file = self.builder_config.file
        path = SAMPLE if file is None else Path(dl_manager.manual_dir) / file
        self._check(path)
        return {name: self._generate_examples(path, name) for name in SPLITS}

    def _check(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing. {MANUAL}")
        expected = self.builder_config.sha256
        if expected is not None and (found := sha256_of(path)) != expected:
            raise ValueError(f"{path}: has the sha256 {found}, not {expected}; download the file again")

    def _generate_examples(self, path: Path, split: str) -> Iterator[tuple[int, dict]]:
        return split_examples(collect(read_events(path)), split)
