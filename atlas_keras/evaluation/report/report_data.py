"""What the sections of a report are made from, and what its tables and captions call the variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_keras.config import RunConfig
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.observables import columns_of_jets
from atlas_keras.evaluation.records import TrainingRecord
from atlas_keras.evaluation.tally import MODEL
from atlas_keras.html_page import figure
from atlas_keras.schema import Collection, Column


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
    warnings: Sequence[str] = ()


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


@dataclass(frozen=True)
class ReportData:
    """What the sections are made from, see `write_report`."""

    evaluation: Evaluation
    metrics: Mapping[str, Any]
    provenance: Provenance
    plots: Path

    @property
    def collection(self) -> Collection:
        """What the columns of the jets are."""
        return self.evaluation.collection

    @property
    def word(self) -> str:
        """What one of the objects is called: `jet` or `row`."""
        return self.collection.word

    @property
    def of_jets(self) -> tuple[Column, ...]:
        """What every jet has: the columns, then what is derived from them."""
        return columns_of_jets(self.collection)

    @property
    def columns(self) -> dict[str, Column]:
        """All observables by name, those of pairs of jets last."""
        return self.evaluation.columns

    def methods(self, *, baselines: bool = True) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Return key, label and figures of each method."""
        for key, label in self.evaluation.labels.items():
            yield key, label, self.metrics if key == MODEL else self.metrics[key]
        if baselines:
            for key, figures in self.metrics["baselines"].items():
                yield key, self.evaluation.all_labels[key], figures

    def picture(self, name: str, caption: str, *, large: bool = False) -> str:
        """Embed one of the plots."""
        return figure(self.plots / f"{name}.png", caption, large=large)


def at_the_start(column: Column, text: str = "{}") -> str:
    """Begin a caption with the title of a column; words get a capital letter, names such as pt stay as they are."""
    title = column.title if column.title == column.name else column.title[:1].upper() + column.title[1:]
    return text.format(title)


def listed(names: Iterable[str]) -> str:
    """Join names as a sentence does: `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
