"""Write what a benchmark measured: docs/NAME.md for people, docs/NAME.json for programs; both name the machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atlas_keras.markdown import table
from atlas_keras.versions import machine

__all__ = ["DOCS", "table", "write"]

DOCS = Path(__file__).parents[1] / "docs"


def write(name: str, title: str, command: str, body: str, figures: dict[str, Any], packages: Sequence[str]) -> None:
    """Write both files of a benchmark and print the one for people."""
    where = machine(packages)
    described = ", ".join(f"{key} {value}" for key, value in where.items())
    text = f"# {title}\n\nMade by `{command}` on: {described}.\n\n{body.strip()}\n"
    DOCS.mkdir(exist_ok=True)
    (DOCS / f"{name}.md").write_text(text, encoding="utf-8")
    document = {"command": command, "machine": where, **figures}
    (DOCS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(text)
