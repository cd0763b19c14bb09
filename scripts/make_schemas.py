"""Write the JSON schemas of what is written as JSON into `docs/schemas`, from the types of what it holds.

They are `metrics.json`, `manifest.json`, and `report.json` of firmware. Run it when `records.py` of `evaluation/` or
`firmware/`, or `serving/manifest.py` has changed: `tests/test_schemas.py` fails until then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.observables import DERIVED
from atlas_keras.evaluation.records import DerivedSummary, EvaluationRecord, Figures, TrainingRecord
from atlas_keras.firmware.encoder_records import EncoderReport
from atlas_keras.firmware.records import FirmwareReport
from atlas_keras.serving.manifest import Manifest

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return all schemas by the name of their file, without its ending."""
    figures = Figures.json_schema([derived.column.name for derived in DERIVED])
    metrics = {"metrics": TrainingRecord.json_schema(), "evaluation": EvaluationRecord.json_schema()}
    found = {name: _beside(record, figures) for name, record in metrics.items()}
    found |= {"manifest": Manifest.json_schema(), "firmware": FirmwareReport.json_schema()}
    found["encoder"] = EncoderReport.json_schema()
    return {name: {"$schema": DRAFT, "title": name, **schema} for name, schema in found.items()}


def _beside(record: dict[str, Any], figures: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that holds a record, the figures of its jets, and those of other methods."""
    method = {**figures, "additionalProperties": False}
    method["properties"] = {**figures["properties"], "formula": {"type": "string"}}
    jets = {
        "baselines": {"type": "object", "additionalProperties": method},
        "events": {"type": "object", "additionalProperties": {"type": "integer"}},
        "distribution_shift": {"type": "object", "required": ["alike", "outside_fraction", "maybe_unit", "variables"]},
        "against": {"type": "object", "required": figures["required"]},
    }
    return {
        **record,
        "$defs": {"derived": DerivedSummary.json_schema()},
        "properties": {**record["properties"], **figures["properties"], **jets},
        "required": [*record["required"], *figures["required"], "baselines", "events", "distribution_shift"],
    }


def main() -> None:
    """Write all of them."""
    SCHEMAS.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (SCHEMAS / f"{name}.schema.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
