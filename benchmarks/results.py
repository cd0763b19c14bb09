"""Write what a benchmark measured: docs/NAME.md for people, docs/NAME.json for programs; both name the machine."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from atlas_keras.system import n_cores, processor

DOCS = Path(__file__).parents[1] / "docs"


def machine(packages: Sequence[str]) -> dict[str, str]:
    """Describe what the figures were measured on: processor, cores, versions."""
    found = {"processor": processor(), "cores": str(n_cores()), "Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Format a table in Markdown; numbers get three digits."""
    cells = [[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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
