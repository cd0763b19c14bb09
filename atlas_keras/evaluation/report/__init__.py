"""The report of an evaluation: one HTML file with figures as tables and pictures embedded, nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.observables import derived_of
from atlas_keras.evaluation.report import figures, origin, pictures
from atlas_keras.evaluation.report.page import contents, page, section
from atlas_keras.evaluation.report.story import Story, model_facts
from atlas_keras.evaluation.report.told import Told

__all__ = ["Story", "model_facts", "write_report"]


def write_report(path: Path, evaluation: Evaluation, metrics: Mapping[str, Any], story: Story, plots: Path) -> None:
    """Write the report.

    Args:
        path: of the HTML file.
        evaluation: of the jets.
        metrics: as in `metrics.json`.
        story: what is told beside the figures.
        plots: folder with the pictures; those that are there are shown.
    """
    chapters = {
        "errors": ("Errors", figures.errors),
        "formulas": ("Beside formulas", figures.formulas),
        "before-after": ("Before and after", pictures.before_after),
        "masses": ("Masses", pictures.masses),
        "residuals": ("Residuals", pictures.residuals),
        "profiles": ("Where errors are", pictures.profiles),
        "notebooks": ("The notebooks' figures", figures.notebooks),
        "jets": ("The jets", origin.jets),
        "worst": ("Worst jets", origin.worst),
        "training": ("Training", pictures.training),
        "again": ("How to get it again", origin.again),
    }
    told = Told(evaluation, metrics, story, plots)
    absent = {
        "formulas": not metrics["baselines"],
        "masses": not derived_of(told.collection),
        "notebooks": "published" not in metrics,
        "training": not (plots / "loss.png").exists(),
    }
    chapters = {name: chapter for name, chapter in chapters.items() if not absent.get(name)}
    parts = [*figures.head(told), contents([(name, title) for name, (title, _) in chapters.items()])]
    for name, (title, tell) in chapters.items():
        parts += [section(name, title), *tell(told)]
    path.write_text(page(f"atlas_keras: {story.title}", parts), encoding="utf-8")
