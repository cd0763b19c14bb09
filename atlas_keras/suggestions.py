"""What an error says beside a name that is unknown: the nearest known one, or those that there are, as many as fit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MAX = 200  # characters of a hint or list: a file can have thousands of columns, and a type in C++ be pages long


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name, at most 200 characters.

    Args:
        name: as the user gave it.
        known: the names that there are, in the order in which they are listed.

    Returns:
        `did you mean 'X'?` where known names are near, else `known: A, B, C and 12 more`.

    Example:
        >>> suggest("tflit", ["saved_model", "tflite"])
        "did you mean 'tflite'?"
        >>> suggest("x", [f"column_{i:04}" for i in range(2000)])[-25:]
        'column_0012 and 1987 more'
    """
    names = list(known)
    near = _near(name, names) if 0 < len(name) <= MAX else []
    question = f"did you mean {' or '.join(map(repr, near))}?" if near else _listed(names)
    return question if len(question) <= MAX else _listed(names)


def _near(name: str, names: list[str]) -> list[str]:
    """Find names that differ in a letter or capitals, else have the other one in them, else are somewhat alike."""
    lower, asked = {known.lower(): known for known in reversed(names)}, name.lower()
    close = difflib.get_close_matches(asked, lower, n=1, cutoff=0.8)
    longer = [known for known in lower if len(asked) > 2 and asked in known]
    whole = [known for known in lower if re.search(rf"[_./:]{re.escape(known)}$", asked)]
    found = close or sorted(longer, key=len)[:3] or whole or difflib.get_close_matches(asked, lower, n=1)
    return [lower[known] for known in found]


def _listed(names: list[str]) -> str:
    """Name as many as fit, in their order."""
    if not names:
        return "there are none"
    for n_shown in range(min(len(names), MAX), 0, -1):
        n_more = len(names) - n_shown
        text = f"known: {', '.join(names[:n_shown])}" + (f" and {n_more} more" if n_more else "")
        if len(text) <= MAX:
            return text
    return f"{len(names)} names are known, too long to list"


def few(names: Iterable[str]) -> str:
    """Join names by commas, as many as fit, and count the others."""
    names = list(names)
    shown = 1
    while shown < len(names) and len(", ".join(names[: shown + 1])) <= MAX:
        shown += 1
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(name[:MAX] for name in names[:shown]) + more
