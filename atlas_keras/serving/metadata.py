"""What an export tells about itself, inside: units, order of columns, preset and fingerprint, as JSON."""

from __future__ import annotations

from typing import Any

from atlas_keras.json_files import parse_json

NAME = "atlas_keras"  # under which it stands in a file
SAID = {"columns": list, "fingerprint": str, "n_latent": int, "preset": str, "quantization": str, "unit": str}


def parse(text: str | bytes) -> dict[str, Any]:
    """Read it, and check what a program relies on.

    Raises:
        ValueError: no JSON object, or one that lacks something.
    """
    values = parse_json(text)
    if not isinstance(values, dict):
        raise ValueError("its metadata is no JSON object")
    for key, kind in SAID.items():
        if type(values.get(key)) is not kind:
            raise ValueError(f"its metadata has no {key}")
    if not all(isinstance(name, str) for name in values["columns"]):
        raise ValueError("its metadata has no names of columns")
    return values
