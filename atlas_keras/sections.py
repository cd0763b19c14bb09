"""Frozen dataclasses that are made from dictionaries, as JSON and TOML give them, and back: configurations and records.

What a class takes is its type hints; `json_schema` says the same to other programs.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from typing import Any, Self

from atlas_keras.errors import ConfigError
from atlas_keras.suggestions import suggest


def require(condition: bool, sentence: str) -> None:
    """Raise a ConfigError with the sentence where the condition does not hold."""
    if not condition:
        raise ConfigError(sentence)


class Section:
    """A frozen dataclass with a dictionary form that refuses unknown keys: a part of a configuration or of a record."""

    @classmethod
    def from_dict(cls, values: dict[str, Any], path: str = "", start: Self | None = None) -> Self:
        """Build from a dictionary, as JSON gives it.

        Args:
            values: by name of the field.
            path: of the section in the file, for messages.
            start: has the values of the fields that are missing; None leaves them to their defaults.

        Raises:
            ConfigError: an unknown key (the message names the nearest known one), a missing one that has no default, or
                a value that is refused.
        """
        require(
            isinstance(values, dict),
            f"Configuration {path.removesuffix('.') or 'file'} has to be an object. Received: {values!r}",
        )
        fields = [part.name for part in dataclasses.fields(cls)]  # type: ignore[arg-type]
        hints = typing.get_type_hints(cls)
        arguments = {} if start is None else {name: getattr(start, name) for name in fields}
        for key, value in values.items():
            if key not in fields:
                raise ConfigError(f"Unknown configuration key {path + key!r}; {suggest(key, fields)}")
            arguments[key] = _convert(value, hints[key], path + key, arguments.get(key))
        for name in cls._needed():
            require(name in arguments, f"Configuration key {path + name!r} is missing")
        return cls(**arguments)

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary that `from_dict` takes and JSON can hold."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[call-overload]

    @classmethod
    def _needed(cls) -> list[str]:
        """Return the names of the fields that have no default."""
        absent, fields = dataclasses.MISSING, dataclasses.fields(cls)  # type: ignore[arg-type]
        return [part.name for part in fields if part.default is absent and part.default_factory is absent]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the dictionary form."""
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        hints = typing.get_type_hints(cls)
        return {
            "description": (cls.__doc__ or "").partition("\n")[0],
            "type": "object",
            "properties": {part.name: _schema_of(hints[part.name]) for part in fields},
            "required": cls._needed(),
            "additionalProperties": False,
        }


UNIONS = (types.UnionType, typing.Union)  # the second is what `float | Literal["auto"]` makes
KINDS = {float: "number", int: "integer", str: "string", bool: "boolean", type(None): "null"}


def _schema_of(hint: Any) -> dict[str, Any]:
    """Return the JSON schema of a type hint."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Section):
        return hint.json_schema()
    if origin in UNIONS:
        return {"anyOf": [_schema_of(option) for option in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema_of(arguments[1])}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    return {"type": KINDS[hint]} if hint in KINDS else {}


def _convert(value: Any, hint: Any, path: str, start: Any = None) -> Any:
    """Return a JSON value the type of its field: lists become tuples, integers floats; anything else is refused."""
    if isinstance(hint, type) and issubclass(hint, Section):
        return hint.from_dict(value, path + ".", start)
    options = typing.get_args(hint) if typing.get_origin(hint) in UNIONS else (hint,)
    for option in options:
        origin = typing.get_origin(option)
        if origin is tuple and isinstance(value, list | tuple):
            return tuple(_convert(item, typing.get_args(option)[0], path) for item in value)
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(min(max(value, -sys.float_info.max), sys.float_info.max)) if value == value else value
        if origin is dict and isinstance(value, dict):
            return {key: _convert(item, typing.get_args(option)[1], f"{path}.{key}") for key, item in value.items()}
        if isinstance(option, type) and issubclass(option, Section) and isinstance(value, dict):
            return option.from_dict(value, path + ".")
        if option is Any:
            return value
        if origin is typing.Literal and value in typing.get_args(option):
            return value
        if option in (int, str, bool, type(None)) and type(value) is option:
            return value
    raise ConfigError(f"Configuration key {path!r} has the wrong type. Received: {value!r}")
