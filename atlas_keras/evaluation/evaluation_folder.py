"""Write an evaluation into a folder: `metrics.json`, `tables/*.csv`, `plots/*.png`, `report.html`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.report import Provenance, write_report
from atlas_keras.output import write_json

METRICS = "metrics.json"


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    metrics: Mapping[str, Any],
    provenance: Provenance,
    figures: Mapping[str, Figure] | None = None,
) -> None:
    """Write all files of an evaluation.

    Args:
        folder: exists; files in it are replaced.
        evaluation: of the jets.
        metrics: what `metrics.json` holds, the figures of the evaluation included.
        provenance: what the report tells beside them.
        figures: further figures by name, of the training.
    """
    write_json(folder / METRICS, metrics)
    for name in ("tables", "plots"):
        (folder / name).mkdir(exist_ok=True)
    for name, table in evaluation.tables.items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    for name, figure in {**(figures or {}), **evaluation.plots()}.items():
        figure.savefig(folder / "plots" / f"{name}.png", pil_kwargs={"compress_level": 4})
    write_report(folder / "report.html", evaluation, metrics, provenance, folder / "plots")
