"""Write an evaluation into a folder: `metrics.json`, `tables/*.csv`, `plots/*.png`, `report.html`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.report import Provenance, write_report
from atlas_keras.output import write_json

METRICS = "metrics.json"
COLORS = 128  # of a picture


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as PNG with a palette: a third of the bytes, and nobody sees a difference."""
    with io.BytesIO() as stream:
        figure.savefig(stream, format="png", pil_kwargs={"compress_level": 1})
        picture = Image.open(stream).convert("RGB")
    picture.quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, compress_level=6)


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
        save_picture(figure, folder / "plots" / f"{name}.png")
    write_report(folder / "report.html", evaluation, metrics, provenance, folder / "plots")
