"""What the sections of a report are made from, and what its tables and captions call the variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.observables import columns_of_jets
from atlas_keras.evaluation.report.provenance import Provenance
from atlas_keras.evaluation.tally import MODEL
from atlas_keras.html_page import figure
from atlas_keras.schema import Collection, Column


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
        """Return key , label and figures of each method."""
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
