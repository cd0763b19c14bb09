"""The code of the pages: blocks of Python, of a console with commands of this package, and of other languages."""

import importlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    {ROOT / "README.md", ROOT / "exports" / "README.md", ROOT / "tuning" / "README.md", *ROOT.glob("docs/**/*.md")}
)
BLOCK = re.compile(r"^(?:<!-- (?P<mark>[^>]*) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """Code of a page.

    Args:
        mark: text of a comment in the line above; empty without one.
        language: such as `python` or `console`.
        code: the lines.
    """

    mark: str
    language: str
    code: str

    @property
    def commands(self):
        """Calls of commands of this package, each its module and its arguments."""
        if self.language != "console":
            return []
        lines = [line.removeprefix("$ ") for line in self.code.splitlines() if line.startswith("$ ")]
        words = [part for line in lines for part in _parts(shlex.split(line, comments=True))]
        return [call for call in map(_call, words) if call is not None]


def blocks_of(page):
    """Return the blocks of code of a page in their order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["mark"] or "", one["language"], one["code"]) for one in found]


def _parts(words):
    """Cut a line at `&&`."""
    parts = [[]]
    for word in words:
        if word == "&&":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _call(words):
    """Return module and arguments of a call of this package's commands; None of any other program."""
    if words[:2] == ["python", "-m"] and words[2].partition(".")[0] in ("atlas_keras", "tuning"):
        return words[2], words[3:]
    if words[0] == "atlas-keras":
        return f"atlas_keras.{words[1].replace('-', '_')}", words[2:]
    return None


def run(block, names):
    """Run a block in this process, in the folder that it is in, with names that the blocks before have left."""
    if block.language == "python":
        exec(compile(block.code, "<page>", "exec"), names)
    for module, arguments in block.commands:
        run_command(module, arguments)


def run_command(module, arguments):
    """Run a command in this process. Patterns of files are its own matter."""
    assert importlib.import_module(module).main(arguments) == 0, (module, arguments)
