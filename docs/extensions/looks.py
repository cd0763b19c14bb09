"""What the looks of a page want to know: which cells of tables are numbers, and where a dash stands between words."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

NUMBER = re.compile(r"[-+]?[0-9][0-9.,]*(e[-+][0-9]+)?( %)?|–")


def _resolved(app: Sphinx, doctree: nodes.document, page: str) -> None:
    for cell in doctree.findall(nodes.entry):
        if NUMBER.fullmatch(cell.astext()):
            cell["classes"].append("number")
    for text in list(doctree.findall(nodes.Text)):
        if text == " -- ":  # of autodoc, between an argument and what it is
            text.parent.replace(text, nodes.Text(" – "))


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("doctree-resolved", _resolved)
    return {"parallel_read_safe": True}
