"""Tallies: what is counted of parts adds up to what is counted of the whole, in any order."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Self


def add(a: Any, b: Any) -> Any:
    """Add numbers, arrays and tallies, and of dictionaries what stands under the same key."""
    if isinstance(a, dict):
        return {key: add(a[key], b[key]) if key in a and key in b else {**a, **b}[key] for key in {**a, **b}}
    return a + b


class Addable:
    """A dataclass whose fields add up one by one."""

    def __add__(self, other: Self) -> Self:
        """Count what both have counted."""
        return type(self)(*(add(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))  # type: ignore[arg-type]
