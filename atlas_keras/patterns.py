"""Patterns of names: `*` stands for any characters, `?` for one, and all else for itself, brackets too."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable


def fits(name: str, pattern: str) -> bool:
    """Tell whether a name fits a pattern.

    Example:
        >>> fits("Jet_pt", "Jet_*"), fits("partonId[2]", "partonId[2]")  # EDM4hep has such names
        (True, True)
    """
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def fitting(names: Iterable[str], pattern: str) -> list[str]:
    """Return the names that fit a pattern, in order."""
    return [name for name in names if fits(name, pattern)]
