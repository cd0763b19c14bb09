"""The progress bar of many files: files, rows, bytes and their ratio, time left; silent when not on a terminal."""

from __future__ import annotations

from typing import Self

import tqdm


class FileProgress:
    """A bar over the files.

    Args:
        n_files: how many there are.
        progress: False hides it; None shows it on a terminal.
    """

    def __init__(self, n_files: int, progress: bool | None) -> None:
        hide = None if progress is None else not progress
        self.bar = tqdm.tqdm(total=n_files, unit=" files", disable=hide, dynamic_ncols=True)
        self.rows = self.read = self.written = self.failed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def update(self, n_files: int, *, rows: int, read: int = 0, written: int = 0, failed: int = 0) -> None:
        """Count files that are done.

        Args:
            n_files: how many.
            rows: events or jets of them.
            read, written: bytes.
            failed: how many of the files are bad.
        """
        self.rows += rows
        self.read += read
        self.written += written
        self.failed += failed
        told = [f"{self.rows:,} rows"]
        if self.read:
            ratio = self.written / self.read
            told.append(f"{self.read / 1e6:,.1f} MB to {self.written / 1e6:,.1f} MB ({ratio:.3f})")
        if self.failed:
            told.append(f"{self.failed} failed")
        self.bar.set_postfix_str(", ".join(told), refresh=False)
        self.bar.update(n_files)
