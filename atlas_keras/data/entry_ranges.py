"""Large files in ranges of their entries, which are read apart and together hold every event once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.formats import format_of
from atlas_keras.data.remote import url_of
from atlas_keras.data.source import options_of
from atlas_keras.errors import AtlasKerasError

LARGE_BYTES = 1 << 28  # of a file that is cut
RANGE_BYTES = 1 << 26  # of a range, at least


class EntryRange(NamedTuple):
    """Entries of a file, as `read_events` counts them.

    Args:
        path: of the file, or its URL.
        start, stop: the first entry, and the one behind the last; None means to the end.
    """

    path: str
    start: int = 0
    stop: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return (self.start, self.stop) == (0, None)


def cut_files(paths: Sequence[Path], config: DataConfig, max_ranges: int) -> Iterator[EntryRange]:
    """Cut large files; one that is small, or that is read from its begin alone, is one range.

    A file that cannot be opened is one range, too: who reads it tells what is wrong.

    Args:
        paths: of the files.
        config: what is read of them.
        max_ranges: so many at most are of files that are cut.
    """
    sizes = [path.stat().st_size for path in paths]
    range_bytes = max(RANGE_BYTES, sum(sizes) / max_ranges)
    for path, size in zip(paths, sizes, strict=True):
        n = int(size / range_bytes) if size >= LARGE_BYTES else 1
        n_entries = _n_entries(path, config) if n > 1 else 0
        if not n_entries:
            yield EntryRange(url_of(path))
            continue
        edges = sorted({n_entries * k // n for k in range(n + 1)})
        for start, stop in pairwise(edges):
            yield EntryRange(url_of(path), start, stop)


def _n_entries(path: Path, config: DataConfig) -> int:
    try:
        return format_of(path).n_entries(path, replace(options_of(config, InvalidPolicy()), any_size=True))
    except (AtlasKerasError, OSError):
        return 0
