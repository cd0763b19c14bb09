"""Pages whose text stands in other folders of the repository: the changelog, what tells of `exports/` and `tuning/`.

A link in such a text is one from its own folder. Here it becomes one from the page: to a page where there is one of
that text, else to a file of the repository, which the site then holds.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "tuning": "tuning/README.md",
    "searches": "tuning/results/README.md",
    "reference/exports": "exports/README.md",
    "reference/folded": "exports/folded.md",
    "reference/kinematic": "exports/kinematic.md",
}
TEXTS = {(ROOT / text).resolve(): page for page, text in PAGES.items()}
TEXTS[ROOT / "README.md"] = "index"


def relinked(text: str, source: Path, page: str) -> str:
    """Return a text with its links as they are from a page.

    Args:
        text: Markdown.
        source: file that it stands in.
        page: name of the page, without ending.
    """

    def link(found: re.Match[str]) -> str:
        path, mark, anchor = found[2].partition("#")
        target = (source.parent / path).resolve()
        if target in TEXTS:
            target, mark, anchor = ROOT / "docs" / f"{TEXTS[target]}.md", "", ""
        elif target.is_dir() or (target.suffix == ".md" and ROOT / "docs" not in target.parents):
            return found[1]  # of the checkout alone
        return f"[{found[1]}]({os.path.relpath(target, (ROOT / 'docs' / page).parent)}{mark}{anchor})"

    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)", link, text)


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    if page in PAGES:
        path = ROOT / PAGES[page]
        app.env.note_dependency(path)
        source[0] = relinked(path.read_text(encoding="utf-8"), path, page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
