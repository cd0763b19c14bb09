"""The report of an evaluation: one HTML file with figures as tables and pictures embedded, nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.observables import derived_of
from atlas_keras.evaluation.report import figures, jets, pictures
from atlas_keras.evaluation.report.page import contents, page, section
from atlas_keras.evaluation.report.provenance import Provenance, model_facts
from atlas_keras.evaluation.report.report_data import ReportData

__all__ = ["Provenance", "model_facts", "write_report"]


def write_report(
    path: Path, evaluation: Evaluation, metrics: Mapping[str, Any], provenance: Provenance, plots: Path
) -> None:
    """Write the report.

    Args:
        path: of the HTML file.
        evaluation: of the jets.
        metrics: as in `metrics.json`.
        provenance: what is told beside the figures.
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
        "jets": ("The jets", jets.jets),
        "worst": ("Worst jets", jets.worst),
        "training": ("Training", pictures.training),
        "again": ("How to get it again", jets.again),
    }
    report = ReportData(evaluation, metrics, provenance, plots)
    absent = {
        "formulas": not metrics["baselines"],
        "masses": not derived_of(report.collection),
        "notebooks": "published" not in metrics,
        "training": not (plots / "loss.png").exists(),
    }
    chapters = {name: chapter for name, chapter in chapters.items() if not absent.get(name)}
    parts = [*figures.head(report), contents([(name, title) for name, (title, _) in chapters.items()])]
    for name, (title, tell) in chapters.items():
        parts += [section(name, title), *tell(report)]
    path.write_text(page(f"atlas_keras: {provenance.title}", parts), encoding="utf-8")
