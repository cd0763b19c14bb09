"""The pieces of a page: tables, numbers, pictures, notices; one file that needs nothing from the network."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; --link: light-dark(#0b57d0, #8ab4f8); }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem 1rem 4rem;
  color: light-dark(#1b1c1e, #e4e6ea); background: light-dark(#fff, #15171a); }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 .3rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
p, ul { max-width: 46rem; margin: .6rem 0; }
a { color: var(--link); }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
pre { overflow-x: auto; overflow-wrap: normal; background: var(--soft); padding: .8rem; border-radius: 6px; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 1rem 0; }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .28rem .65rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: light-dark(#fff, #15171a); }
tr.strong td { font-weight: 600; }
tr.bad td { color: light-dark(#b3261e, #ff8a80); font-weight: 600; }
table.facts td:nth-child(2) { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.notice { border-left: .4rem solid; padding: .6rem .9rem; border-radius: 4px; margin: 1rem 0; }
.notice.good { border-color: #2e9e5b; background: #2e9e5b1c; }
.notice.bad { border-color: #d93025; background: #d930251f; }
.notice p, .notice ul { margin: .2rem 0; }
.notice.bad > p:first-child { font-weight: 700; }
.grid { display: grid; gap: 1.2rem; align-items: start; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
.grid.three { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
figure { margin: 0; }
figure.large { max-width: 42rem; }
img { display: block; width: 100%; height: auto; background: #fff; border-radius: 6px; }
figcaption { font-size: .88rem; line-height: 1.4; opacity: .85; margin-top: .3rem; }
@media (prefers-color-scheme: dark) { img { filter: invert(.9) hue-rotate(180deg); } }
@media print { img { filter: none; } }
"""
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def page(title: str, parts: Iterable[str]) -> str:
    """Put parts into a page."""
    return "\n".join(
        [
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
            "<meta name='viewport' content='width=device-width, initial-scale=1'>",
            "<meta name='color-scheme' content='light dark'>",
            f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
            *parts,
            "</body></html>\n",
        ]
    )


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def section(name: str, title: str) -> str:
    """Open a section that the contents can lead to."""
    return f"<h2 id='{name}'>{html.escape(title)}</h2>"


def contents(sections: Sequence[tuple[str, str]]) -> str:
    """Return links to sections: pairs of name and title."""
    return "<nav>" + "".join(f"<a href='#{name}'>{html.escape(title)}</a>" for name, title in sections) + "</nav>"


def notice(kind: str, title: str, lines: Sequence[str]) -> str:
    """Return a box, `good` or `bad`, with a title and lines."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    listed = f"<ul>{items}</ul>" if items else ""
    return f"<div class='notice {kind}' role='note'><p>{html.escape(title)}</p>{listed}</div>"


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] | None = None, kind: str = ""
) -> str:
    """Return a table that scrolls sideways where it is wider than the screen.

    Args:
        head: empty for a table without one.
        rows: cells, plain text.
        classes: of the rows: `strong`, `bad` or empty.
        kind: class of the table.
    """
    cells = ["<tr>" + "".join(f"<th>{html.escape(h)}</th>" for h in head) + "</tr>"] if head else []
    for row, name in zip(rows, classes or [""] * len(rows), strict=True):
        opened = f"<tr class='{name}'>" if name else "<tr>"
        cells.append(opened + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>")
    return f"<div class='wide'><table class='{kind}'>{''.join(cells)}</table></div>"


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits, with a power of ten where it is far from 1."""
    if value is None or value != value:
        return "–"
    if abs(value) == float("inf"):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e7:
        rounded = float(f"{value:.{digits}g}")
        return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:.{digits}g}"
    mantissa, _, exponent = f"{value:.{max(digits - 2, 0)}e}".partition("e")
    return f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPT)}"


def percent(fraction: float) -> str:
    """Write a fraction in percent."""
    return "0 %" if fraction == 0 else f"{100 * fraction:.3g} %"


def figure(path: Path, caption: str, *, large: bool = False) -> str:
    """Embed a picture with its caption; nothing where there is none."""
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption, quote=True)
    kind = " class='large'" if large else ""
    return (
        f"<figure{kind}><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"
    )


def grid(figures: Iterable[str], *, three: bool = False) -> str:
    """Put pictures beside each other where there is room: two, or three, on a laptop."""
    return f"<div class='grid{' three' if three else ''}'>{''.join(figures)}</div>"
