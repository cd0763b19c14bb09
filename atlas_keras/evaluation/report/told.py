"""What the sections of a report are made from, and what its tables and captions call the variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.evaluation import MODEL, Evaluation
from atlas_keras.evaluation.observables import ALL
from atlas_keras.evaluation.report.page import figure
from atlas_keras.evaluation.report.story import Story

NAMES = {"E": "E", "pt": "pt", "eta": "eta", "phi": "phi", "mass": "jet mass", "dijet_mass": "dijet mass"}


@dataclass(frozen=True)
class Told:
    """What the sections are made from, see `write_report`."""

    evaluation: Evaluation
    metrics: Mapping[str, Any]
    story: Story
    plots: Path

    @property
    def unit(self) -> str:
        """Unit of energies."""
        return self.evaluation.unit

    def methods(self, *, baselines: bool = True) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Give key, label and figures of each method."""
        for key, label in self.evaluation.labels.items():
            yield key, label, self.metrics if key == MODEL else self.metrics[key]
        if baselines:
            for key, figures in self.metrics["baselines"].items():
                yield key, self.evaluation.all_labels[key], figures

    def picture(self, name: str, caption: str, *, large: bool = False) -> str:
        """Embed one of the plots."""
        return figure(self.plots / f"{name}.png", caption, large=large)


def capital(text: str) -> str:
    """Begin a caption with a capital letter, but not with that of a variable such as pt."""
    return text[:1].upper() + text[1:] if len(text) > 3 and text not in ALL else text
