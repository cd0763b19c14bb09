"""What a compressed file remembers of the input's other columns: which had a name of ours, which belong to the jets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from atlas_keras.codec.header import CODED, EXACT, INTEGERS, SCALES
from atlas_keras.errors import JetDataError
from atlas_keras.json_files import parse_json

OURS = (*INTEGERS, CODED, EXACT, SCALES)
PREFIX = "other_"  # of a column of the input that has a name of ours


@dataclass(frozen=True)
class OtherColumns:
    """What a file has to remember of the other columns, beside their types.

    Args:
        renamed: their names by the name under which they are stored, where that is another one.
        jets: names of those that hold a value for each jet; None where the input did not say.
    """

    renamed: dict[str, str] = field(default_factory=dict)
    jets: tuple[str, ...] | None = None

    @classmethod
    def of(cls, names: Sequence[str], jets: tuple[str, ...] | None) -> OtherColumns:
        """Find other names for columns whose names are those of columns of ours."""
        renamed: dict[str, str] = {}
        for name in (name for name in OURS if name in names):
            stored = PREFIX + name
            while stored in names:
                stored = PREFIX + stored
            renamed[stored] = name
        return cls(renamed, jets)

    def to_json(self) -> str:
        """Write as compact JSON, without what there is not."""
        values: dict[str, object] = {"renamed": self.renamed} if self.renamed else {}
        values |= {} if self.jets is None else {"jets": self.jets}
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: bytes, path: Path) -> OtherColumns:
        """Read; a file without has nothing to remember.

        Raises:
            JetDataError: content that no file has.
        """
        try:
            values = parse_json(text or b"{}")
            renamed, jets = values.get("renamed", {}), values.get("jets")
            texts = [*renamed, *renamed.values(), *(jets or [])]
            texts += [] if isinstance(jets, list | None) and isinstance(renamed, dict) else [None]
        except (ValueError, TypeError, AttributeError):
            texts = [None]
        if not all(isinstance(name, str) for name in texts):
            raise JetDataError(f"{path}: what the file says of its columns is damaged")
        return cls(renamed, None if jets is None else tuple(jets))
