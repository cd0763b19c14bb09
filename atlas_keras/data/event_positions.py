"""Where an event stands in its file, so that a report can point to a jet: file, line or number, and its own id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.data.events import EventBatch
from atlas_keras.data.layouts import LAYOUTS
from atlas_keras.data.table import EVENT_COLUMNS

IDENTITY = (*(name for layout in LAYOUTS for name in layout.identity), *EVENT_COLUMNS, "RunNum", "EvtNum")


@dataclass(frozen=True)
class _Block:
    path: Path
    position: str
    numbers: NDArray[np.int64]
    identity: dict[str, pa.ChunkedArray]


@dataclass
class EventPositions:
    """The positions of all events that were read, in order: 8 bytes an event, and what identifies it in its file.

    Args:
        blocks: of consecutive events, as they were read.
    """

    blocks: list[_Block] = field(default_factory=list)

    def watch(self, batches: Iterator[EventBatch]) -> Iterator[EventBatch]:
        """Pass batches on and remember where their events stand."""
        for batch in batches:
            # The ids of Dark Machines lines are no key: all events of a file have the same.
            names = [n for n in IDENTITY if n in batch.table.column_names] if batch.counter != "line" else []
            identity = {re.split("[.:]", name)[-1]: batch.table[name] for name in names}
            self.blocks.append(_Block(batch.path, batch.counter, batch.numbers, identity))
            yield batch

    def describe(self, event: int) -> dict[str, str]:
        """Say where an event stands.

        Args:
            event: which event of all files, from 0.

        Returns:
            `file` (its name), `position` (`line 12` or `event 12`, counted from 1) and `id` (as in `run 1, event 77`,
            empty where the file has none).
        """
        for block in self.blocks:
            if event < len(block.numbers):
                values = {name: column[event].as_py() for name, column in block.identity.items()}
                text = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
                return {"file": block.path.name, "position": f"{block.position} {block.numbers[event]}", "id": text}
            event -= len(block.numbers)
        return {"file": "", "position": f"event {event + 1}", "id": ""}
