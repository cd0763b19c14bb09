"""Schemas as TOML files, for people to read and to change: what has its default is left out."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from atlas_keras.errors import ConfigError, reason_of
from atlas_keras.output import whole_file
from atlas_keras.schema import Bound, Column, Schema
from atlas_keras.sections import Section

Kind = TypeVar("Kind", bound=Section)


def to_toml(schema: Section) -> str:
    """Write a schema, or another part of a configuration in which columns have bounds, as TOML."""
    return tomli_w.dumps(_plain(schema))


def from_toml(text: str, kind: type[Kind] = Schema) -> Kind:  # type: ignore[assignment]
    """Read a schema, or another part of a configuration in which columns have bounds, from TOML.

    Raises:
        ConfigError: no TOML, an unknown key, or a value that is refused.
    """
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"is no TOML ({reason_of(error)})") from error
    return kind.from_dict(_with_bounds(values))


def write_schema(schema: Schema, path: str | Path, *, force: bool = False) -> None:
    """Write a schema to a TOML file.

    Raises:
        ConfigError: a name that is no text, as damaged files have them.
        RunError: the file exists, and `force` is not given.
    """
    try:
        content = to_toml(schema).encode()
    except UnicodeEncodeError as error:
        part = error.object[max(error.start - 20, 0) : error.end + 20]
        raise ConfigError(f"{path}: TOML cannot hold a name that is no text: {part!r}") from error
    with whole_file(Path(path), force=force) as unfinished:
        unfinished.write_bytes(content)


def read_schema(path: str | Path) -> Schema:
    """Read a schema from a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, has an unknown key, or a value that is refused.
    """
    return read_toml(path, Schema)


def read_toml(path: str | Path, kind: type[Kind]) -> Kind:
    """Read what `from_toml` takes from a file.

    Raises:
        ConfigError: the file is missing or no TOML, has an unknown key, or a value that is refused.
    """
    try:
        return from_toml(Path(path).read_text(encoding="utf-8"), kind)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no text") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {reason_of(error)}") from error


def _plain(part: Any) -> Any:
    """Return what TOML can hold of a part of a schema, without what follows from the rest."""
    if isinstance(part, Bound):
        return str(part)
    if isinstance(part, tuple):
        return [_plain(item) for item in part]
    if not dataclasses.is_dataclass(part):
        return part
    usual = {"symbol": part.name, "title": part.name} if isinstance(part, Column) else {}
    fields = {field.name: usual.get(field.name, field.default) for field in dataclasses.fields(part)}
    values = {name: getattr(part, name) for name, default in fields.items() if getattr(part, name) != default}
    return {name: _plain(value) for name, value in values.items()}


def _with_bounds(values: Any) -> Any:
    """Return the dictionary form: bounds, which TOML has as text, taken apart."""
    if isinstance(values, list):
        return [_with_bounds(item) for item in values]
    if not isinstance(values, dict):
        return values
    bounds = {key: Bound.parse(text).to_dict() for key, text in values.items() if key == "bound" and type(text) is str}
    return {**{key: _with_bounds(value) for key, value in values.items()}, **bounds}
