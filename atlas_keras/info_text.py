"""What `info` tells of a file, as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atlas_keras.errors import printable

MANY_COLUMNS = 1000  # of a tree: more are listed without their values, which would take long


def text_of(found: Mapping[str, Any]) -> str:
    """Put what a file holds into lines of text.

    Args:
        found: of `atlas_keras.info.describe`.
    """
    lines = _lines if "trees" in found else _columns_lines if "columns" in found else _compressed_lines
    return "\n".join(map(printable, lines(found)))


def _columns_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Tell of a file of columns in lines of text, the largest columns first."""
    yield f"columns within bounds, {_size(found['bytes'])}: {found['n_events']:,} events in {found['n_blocks']} blocks"
    yield f"head {_size(found['head_bytes'])}, index {_size(found['index_bytes'])}"
    yield from _column_lines(found)
    for name, tree in found["other_trees"].items():
        yield f"tree {name}: {tree['n_events']:,} rows, {len(tree['columns']):,} columns"
        yield from _column_lines(tree)


def _column_lines(found: Mapping[str, Any]) -> Iterator[str]:
    n = max(found["n_events"], 1)
    columns = sorted(found["columns"].items(), key=lambda item: -item[1]["bytes"])
    width = min(max((len(name) for name, _ in columns), default=0), 40)
    for name, column in columns:
        bits = f"{8 * column['bytes'] / n:.4g} bits an event"
        yield f"  {name:<{width}}  {column['bytes']:>9,}  {bits:<22} {column['type']:<22} {column['bound']}"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Tell of a file in lines of text."""
    yield f"{found['format']}, {_size(found['bytes'])}"
    for tree in found["trees"]:
        looked = any(column["values"] for collection in tree["collections"] for column in collection["columns"])
        unit = f"energies in {tree['unit']}" if tree["unit"] else "the unit of energies is not stated"
        name = f"tree {tree['name']}" if tree["name"] else "table"
        yield ""
        n_groups = tree["n_row_groups"]
        groups = f", {n_groups:,} row group{'s' * (n_groups > 1)}" if n_groups else ""
        yield f"{name} ({tree['kind']}): {tree['n_events']:,} events, {tree['n_columns']:,} columns, {unit}{groups}"
        for collection in tree["collections"]:
            counted = f", counted by {collection['counter']}" if collection["counter"] else ""
            share = _share(collection["n_bytes"], found["bytes"])
            yield ""
            yield (
                f"  {collection['name']}: {len(collection['columns']):,} columns{counted}"
                f"{_objects(collection, tree)}{share}"
            )
            if looked:
                width = max(len(column["name"]) for column in collection["columns"])
                for column in collection["columns"]:
                    yield f"    {column['name']:<{min(width, 40)}}  {_column(column, found['bytes'])}"
            else:
                yield from _wrapped([column["name"] for column in collection["columns"]])
        if tree["leftovers"]:
            names = ", ".join(item["name"] for item in tree["leftovers"][:8])
            more = f" and {len(tree['leftovers']) - 8} more" if len(tree["leftovers"]) > 8 else ""
            yield ""
            yield f"  no columns: {names}{more}"
        if not looked and tree["n_columns"] > MANY_COLUMNS:
            yield ""
            yield "  --collection NAME tells of the values of one, --values of all"


def _objects(collection: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    """Tell how many objects a collection has in the events that were looked at."""
    if collection["n_objects"] is None or collection["name"] == "events":
        return ""
    n, n_looked_at = collection["n_objects"], tree["n_looked_at"]
    where = f" in the first {n_looked_at:,} events" if n_looked_at < tree["n_events"] else ""
    return f", {n:,} object{'s' * (n != 1)}{where}"


def _column(column: Mapping[str, Any], size: int) -> str:
    """Tell of a column in a line."""
    unit = "" if column["unit"] in ("1", "?") else f" [{column['unit']}]"
    text = f"{column['dtype']:<8} {column['quantity'] + unit:<13} "
    values = column["values"]
    if values is None:
        return text + "cannot be read"
    if values["low"] is None:
        return text + ("no values" if not values["n"] else "no finite values")
    text += " to ".join(f"{end:.6g}" if isinstance(end, float) else str(end) for end in (values["low"], values["high"]))
    if values["n_different"] == 1:
        text += ", always"
    if values["mantissa_bits"] is not None and values["mantissa_bits"] <= (15 if column["dtype"] == "float32" else 44):
        text += f", {values['mantissa_bits']} bits of mantissa"
    if values["spikes"]:
        text += ", often " + ", ".join(f"{value:.6g} ({100 * part:.0f} %)" for value, part in values["spikes"])
    if values["n_not_finite"]:
        text += f", {values['n_not_finite']} not finite"
    return text + f"; bound {column['bound']}{_share(column['n_bytes'], size)}"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.2f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.1f} kB"


def _share(n_bytes: int, size: int) -> str:
    return f", {100 * n_bytes / size:.2g} % of the bytes" if n_bytes else ""


def _wrapped(names: Sequence[str]) -> list[str]:
    wrapper = textwrap.TextWrapper(111, 4 * " ", 4 * " ", break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(" ".join(names))


def _compressed_lines(found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in found.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            yield f"{label}:"
            for key, item in value.items():
                yield f"  {key:<24}{f'{item:.4g}' if isinstance(item, float) else item}"
        else:
            yield f"{label + ':':<28}{f'{value:.4g}' if isinstance(value, float) else value}"
