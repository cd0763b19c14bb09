"""JSON that somebody else may have written: whatever is wrong with it is told in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from atlas_keras.errors import AtlasKerasError, reason_of

DEEPEST = 100  # levels of nesting; ours have ten, and Python's own functions end at some hundreds


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: no JSON, no text, or lists and objects in more than 100 levels.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("too many levels of nesting") from None
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return value
    raise ValueError("too many levels of nesting")


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def read_json(path: Path, wrong: type[AtlasKerasError], advice: str, kind: type = dict) -> Any:
    """Read a JSON file.

    Args:
        path: of the file.
        wrong: the error where it cannot be read.
        advice: what to do then, the end of the sentence.
        kind: of the value, `dict` or `list`.

    Raises:
        AtlasKerasError: of type `wrong`: no such file, no JSON, or a value of another kind.
    """
    try:
        value = parse_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise wrong(f"{path}: {error.strerror or error}; {advice}") from error
    except ValueError as error:
        raise wrong(f"{path}: damaged, or no JSON ({reason_of(error)}); {advice}") from error
    if not isinstance(value, kind):
        raise wrong(f"{path}: holds no JSON {'object' if kind is dict else 'list'}; {advice}")
    return value
