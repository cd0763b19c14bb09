"""The manifest of a folder of outputs: a JSON line for each input that says what became of it.

A line is added as soon as a file is done, and the last one of an input holds. What a killed command has written of a
line does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from atlas_keras.errors import AtlasKerasError, RunError, reason_of
from atlas_keras.json_files import parse_json
from atlas_keras.output import whole_file
from atlas_keras.sections import Section

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Record(Section):
    """What is known of an input.

    Args:
        input: path or URL.
        output: name of the file in the folder.
        state: `waiting` until it is done; a killed command leaves it so.
        rows: events, or jets of a file of jets.
        bytes, sha256: of the input.
        output_bytes: of the output.
        seconds: that it took.
        memory: the most that the process which did it has had in memory until then [bytes].
        error: why it failed.
        left_out: what is in the input and not in the output, and why.
        options: that decide what is written.
        model: fingerprint of the files that went into it beside the input, such as a model or a schema.
    """

    input: str
    output: str
    state: Literal["waiting", "done", "failed"] = "waiting"
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    output_bytes: int = 0
    seconds: float = 0.0
    memory: int = 0
    error: str = ""
    left_out: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    model: str = ""

    @property
    def line(self) -> str:
        """The line of the manifest."""
        return json.dumps(self.to_dict()) + "\n"


def read_manifest(folder: Path) -> dict[str, Record]:
    """Read the manifest of a folder, by input; nothing where there is none.

    Raises:
        RunError: a damaged one.
    """
    path, found = folder / MANIFEST, {}
    if not path.exists():
        return {}
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        try:
            record = Record.from_dict(parse_json(line))
        except (ValueError, AtlasKerasError) as error:
            if number == len(lines) and not line.endswith(b"\n"):
                break  # its process was killed
            raise RunError(
                f"{path}: line {number} is damaged ({reason_of(error)}); delete the file to do all files again"
            ) from error
        found[record.input] = record
    return found


def write_manifest(folder: Path, records: Iterable[Record]) -> None:
    """Write a manifest anew, a line a record."""
    with whole_file(folder / MANIFEST, force=True) as unfinished:
        unfinished.write_text("".join(record.line for record in records), encoding="utf-8")
