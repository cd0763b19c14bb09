"""Files by URL: `https://`, `s3://`, `root://` and what else fsspec knows, through paths that behave as local ones."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from atlas_keras import extras
from atlas_keras.errors import AtlasKerasError, JetDataError, reason_of

# Of root:// and others, whose paths are not its own. It holds for all that fsspec can do.
warnings.filterwarnings("ignore", "UPath .* filesystem not explicitly implemented")

URL = re.compile(r"(?:\w+::)*[A-Za-z][A-Za-z0-9+.-]*://")
BLOCK_BYTES = 1 << 20  # that are fetched at once: files have columns that nobody wants
WEB = ("http://", "https://")  # where there are no folders, and `?` begins a query


def is_url(path: object) -> bool:
    """Tell whether a path is a URL."""
    return URL.match(str(path)) is not None


def url_of(path: Path) -> str:
    """Return the URL of a path, with its server, which the text of one behind `root://` leaves out."""
    host = getattr(path, "storage_options", {}).get("hostid")
    return str(path).replace("root://", f"root://{host}/", 1) if host else str(path)


def remote_file(url: str, **storage_options: Any) -> Path:
    """Return the path of a file by its URL; all that readers ask of a Path it can do.

    Args:
        url: with the name of a file system that fsspec knows.
        storage_options: of that file system.

    Raises:
        MissingExtraError: a package is not installed that such URLs need.
        JetDataError: an unknown file system, or one that gives no such file.
    """
    scheme = url.partition("://")[0]
    try:
        from upath import UPath  # takes a while to import, and files that are here do not need it

        web = url.startswith(WEB)
        path = UPath(url, **{"block_size": BLOCK_BYTES, **storage_options} if web else storage_options)
        path.stat()
        if web and not _gives_parts(path):
            path = UPath(f"simplecache::{url}")  # a server that gives no parts gives the whole, once
    except ImportError as error:
        raise extras.missing("upath") from error
    except Exception as error:  # of any file system
        if isinstance(error, FileNotFoundError) and error.__cause__ is None:
            raise JetDataError(f"{url}: no such file") from error
        if isinstance(error, ValueError) and ("rotocol not known" in str(error) or "filesystem" in str(error)):
            raise JetDataError(f"{url}: nobody knows how to read {scheme}:// URLs") from error
        raise JetDataError(f"{url}: cannot be opened ({reason_of(error.__cause__ or error)})") from error
    return cast(Path, path)


def _gives_parts(path: Any) -> bool:
    """Tell whether a web server gives a part of a file and not only the whole."""
    if not path.fs.info(str(path)).get("partial", True):
        return False
    try:
        with path.fs.open(str(path), block_size=1, cache_type="none") as stream:
            stream.seek(1)
            return len(stream.read(1)) == 1 or path.stat().st_size < 2
    except ValueError:
        return False


def remote_files(url: str) -> list[Path]:
    """List the files that a URL means: of a folder those in it, of a pattern those that fit, else the one.

    Raises:
        MissingExtraError, JetDataError: as `remote_file`.
    """
    if url.startswith(WEB):
        return [remote_file(url)]
    try:
        from upath import UPath

        path = UPath(url)
        if re.search("[*?[]", url):
            root, pattern = re.split(r"(?=[^/]*[*?[])", url, maxsplit=1)
            return sorted((one for one in UPath(root).glob(pattern) if one.is_file()), key=str)
        if path.is_dir():
            return sorted((one for one in path.iterdir() if one.is_file()), key=str)
    except Exception:  # `remote_file` says what is wrong
        pass
    return [remote_file(url)]


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell in a sentence what goes wrong on the way to a file: the system's errors, and whatever a network raises.

    Raises:
        JetDataError: names the file.
    """
    try:
        yield
    except AtlasKerasError:
        raise
    except OSError as error:
        raise JetDataError(f"{url_of(path)}: {error.strerror or reason_of(error)}") from error
    except Exception as error:
        if not is_url(path):
            raise
        raise JetDataError(f"{url_of(path)}: cannot be read ({reason_of(error)})") from error


@contextmanager
def opened(path: Path) -> Iterator[Path | BinaryIO]:
    """Yield what libraries take that read files: a local path, or a file at a URL, open for a while."""
    if not is_url(path):
        yield path
        return
    with path.open("rb") as stream:
        yield stream
