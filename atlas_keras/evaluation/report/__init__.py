"""The report of an evaluation: one HTML file with figures as tables and pictures embedded, nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.observables import derived_of
from atlas_keras.evaluation.principal_components import NAME as PCA
from atlas_keras.evaluation.report import figures, jets, pictures
from atlas_keras.evaluation.report.report_data import Provenance, ReportData, model_facts
from atlas_keras.html_page import contents, page, section

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
    word, derived = evaluation.collection.word, derived_of(evaluation.collection)
    has_masses = any(d.column.is_energy for d in derived)
    chapters = {
        "errors": ("Errors", figures.errors),
        "formulas": ("Beside formulas", figures.formulas),
        "components": ("Beside principal components", figures.principal_components),
        "before-after": ("Before and after", pictures.before_after),
        "masses": ("Masses" if has_masses else "Derived variables", pictures.derived),
        "residuals": ("Residuals", pictures.residuals),
        "profiles": ("Where errors are", pictures.profiles),
        "notebooks": ("The notebooks' figures", figures.notebooks),
        "jets": (f"The {word}s", jets.jets),
        "worst": (f"Worst {word}s", jets.worst),
        "training": ("Training", pictures.training),
        "again": ("How to get it again", jets.again),
    }
    report = ReportData(evaluation, metrics, provenance, plots)
    absent = {
        "formulas": "published" not in metrics,
        "components": PCA not in metrics["baselines"],
        "masses": not derived,
        "notebooks": "published" not in metrics,
        "training": not (plots / "loss.png").exists(),
    }
    chapters = {name: chapter for name, chapter in chapters.items() if not absent.get(name)}
    parts = [*figures.head(report), contents([(name, title) for name, (title, _) in chapters.items()])]
    for name, (title, tell) in chapters.items():
        parts += [section(name, title), *tell(report)]
    path.write_text(page(f"atlas_keras: {provenance.title}", parts), encoding="utf-8")
