"""Templates of what an export writes, with `@name@` for what is filled in: Verilog and C++ have a `$` of their own."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any


def fill(template: str, **values: Any) -> str:
    """Return a template with its values; those that it does not have are left out.

    Args:
        template: name of its file.
        values: by name.
    """
    text = (files(__name__) / template).read_text(encoding="utf-8")
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), text)
