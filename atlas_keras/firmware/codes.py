"""All field codes by name."""

from __future__ import annotations

from typing import Any

from atlas_keras.errors import ConfigError
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.minifloat import Minifloat
from atlas_keras.firmware.octaves import Octaves
from atlas_keras.firmware.steps import Steps
from atlas_keras.suggestions import suggest

CODES: dict[str, type[FieldCode]] = {code.kind: code for code in (Steps, Minifloat, Octaves)}


def code_from_dict(values: dict[str, Any]) -> FieldCode:
    """Build a code from what its `to_dict` gave.

    Raises:
        ConfigError: an unknown kind, or values that cannot be.
    """
    kind = values.get("kind")
    if kind not in CODES:
        raise ConfigError(f"Unknown field code {kind!r}; {suggest(str(kind), CODES)}")
    return CODES[kind].from_dict({name: value for name, value in values.items() if name != "kind"})
