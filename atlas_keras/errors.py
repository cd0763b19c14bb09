"""The errors that a user can cause, each told in one sentence without a traceback by the command line."""

from __future__ import annotations

LONGEST = 1200  # characters of a message
MAX_OF_A_REASON = 300  # characters; libraries put whole schemas into their messages


def reason_of(error: BaseException) -> str:
    """Return what an error of another library says, for a sentence of ours: its first line, at most 300 characters."""
    line = str(error).strip().partition("\n")[0].rstrip(",)( ") or type(error).__name__
    return line if len(line) <= MAX_OF_A_REASON else line[: MAX_OF_A_REASON - 3] + "..."


class AtlasKerasError(Exception):
    """Base of all errors whose message alone tells the user what to do: one line of bounded length, whatever is named.

    Args:
        message: names of files, columns and keys in it may hold anything.
    """

    def __init__(self, message: str) -> None:
        line = printable(message)
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}")


def printable(text: str) -> str:
    """Write what a terminal would obey, or what is no letter at all, as Python does: a backslash and its number."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")


class JetDataError(AtlasKerasError, ValueError):
    """Report bad input data: the message names file, line or row, column and what to do."""


class NoEventsError(JetDataError):
    """Report files that are sound, and in which there is no event."""


class TooManyJetsError(JetDataError):
    """Report more jets than are to be in memory."""


class ConfigError(AtlasKerasError, ValueError):
    """Report a configuration that cannot be: the message names the key and the nearest known one."""


class RunError(AtlasKerasError, RuntimeError):
    """Report a run that failed or a run folder that cannot be used."""


class BusyError(RunError):
    """Report a file or folder that another process is writing at this moment."""


class ExportError(AtlasKerasError, RuntimeError):
    """Report an export that is refused or does not compute what its model computes."""


class MissingExtraError(AtlasKerasError, ImportError):
    """Report an optional package that is not installed, with the command that installs it."""

    def __init__(self, purpose: str, extra: str, package: str | None = None) -> None:
        alone = f", or `pip install {package}`" if package else ""
        needs = "need optional packages" if "," in extra else "needs an optional package"
        super().__init__(f"{purpose} {needs}: `pip install '.[{extra}]'` in a checkout{alone}")
