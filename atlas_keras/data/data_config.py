"""The part of a configuration that says which events are read, and how they are split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atlas_keras.schema import FOUR_MOMENTUM, UNITS_IN_MEV, Collection
from atlas_keras.sections import Section, require


@dataclass(frozen=True)
class DataConfig(Section):
    """Which jets are read, and how events are split.

    Args:
        paths: files, folders, patterns or URLs; None is the shipped sample.
        collection: the columns of the jets.
        unit: unit of energies in the model, MeV or GeV.
        source_unit: unit of files that do not state theirs (Parquet); None where the format states it.
        objects: ids of the objects that count as jets.
        tree: name of the tree in ROOT files, with its directories; None takes the only one that holds jets.
        invalid: what to do with bad input, `error` or `drop`.
        validation_fraction, test_fraction: parts of the *events*.
        any_size: read files whatever they unfold to in memory.
        split: how events are split: `permutation` of all of them, or `lots`, drawn for each by itself, of data that
            stay on disk.
    """

    paths: tuple[str, ...] | None = None
    collection: Collection = FOUR_MOMENTUM
    unit: str = "MeV"
    source_unit: str | None = None
    objects: tuple[str, ...] = ("j",)
    tree: str | None = None
    invalid: str = "error"
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    any_size: bool = False
    split: Literal["permutation", "lots"] = "permutation"

    def __post_init__(self) -> None:
        require(self.paths != (), "data.paths names at least one file, or is null for the shipped sample. Received: []")
        require(self.unit in UNITS_IN_MEV, f"data.unit is MeV or GeV. Received: {self.unit!r}")
        require(
            self.source_unit is None or self.source_unit in UNITS_IN_MEV,
            f"data.source_unit is MeV, GeV or null. Received: {self.source_unit!r}",
        )
        require(self.invalid in ("error", "drop"), f"data.invalid is error or drop. Received: {self.invalid!r}")
        require(len(self.objects) > 0, "data.objects names at least one object id. Received: ()")
        fractions = (self.validation_fraction, self.test_fraction)
        require(
            min(fractions) > 0 and sum(fractions) < 1,
            f"data.validation_fraction and data.test_fraction are positive, their sum below 1. Received: {fractions}",
        )
