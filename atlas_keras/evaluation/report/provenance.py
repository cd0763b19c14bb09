"""What a report tells beside the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from atlas_keras.config import RunConfig
from atlas_keras.evaluation.records import TrainingRecord


@dataclass(frozen=True)
class Provenance:
    """What a report tells beside the figures.

    Args:
        title: of the page.
        jets: what the jets are, as in `the test split` or `all jets of jets.csv`, for the table at the top.
        unseen: whether the jets are those of the test split, so that the model has not seen them.
        command: that makes the report again.
        config: of the run, as in `config.json`.
        facts: further lines for the table at the top: name and text.
        warnings: what the reader has to know before the figures.
    """

    title: str
    jets: str
    unseen: bool
    command: str
    config: Mapping[str, Any]
    facts: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = field(default_factory=tuple)


def model_facts(record: TrainingRecord, config: RunConfig, name: str = "") -> list[tuple[str, str]]:
    """Say what a model is.

    Args:
        record: of its training.
        config: of its run.
        name: of the model, where there are several.
    """
    word = config.data.collection.word
    text = (
        f"preset {config.model.preset}: {config.model.n_latent} numbers stored for a {word}, {record.n_parameters:,} "
        f"parameters, energies in {record.unit}"
    )
    files = ", ".join(file.name for file in record.data_files[:3])
    trained = (
        f"{record.epochs} epochs in {record.train_seconds:.1f} s, seed {record.seed}, on {record.n_jets.train:,} "
        f"{config.data.collection.title} of {files} (sha256 {record.data_sha256[:16]}…)"
    )
    if start := record.started_from:
        trained += f", from the model of {start.run} (fingerprint {start.model_fingerprint[:16]}…)"
    prefix = f"{name}: " if name else ""
    return [(f"{prefix}model", text), (f"{prefix}trained", trained), (f"{prefix}fingerprint", record.model_fingerprint)]
