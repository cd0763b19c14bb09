"""The progress bar of many files: files, rows, bytes and their ratio, time left; silent when not on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import tqdm

from atlas_keras.distributed.manifest import Record


class FileProgress:
    """A bar over the files.

    Args:
        tasks: as many as there are files.
        progress: False hides it; None shows it on a terminal.
    """

    def __init__(self, tasks: Sequence[Any], progress: bool | None) -> None:
        hide = None if progress is None else not progress
        self.bar = tqdm.tqdm(total=len(tasks), unit=" files", disable=hide, dynamic_ncols=True)
        self.rows = self.read = self.written = self.failed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def update(self, record: Record) -> None:
        """Count a file that is done, or failed."""
        if record.state == "failed":
            self.failed += 1
        else:
            self.rows += record.rows
            self.read += record.bytes
            self.written += record.output_bytes
        failed = f", {self.failed} failed" if self.failed else ""
        ratio = self.written / self.read if self.read else 0.0
        self.bar.set_postfix_str(
            f"{self.rows:,} rows, {self.read / 1e6:,.1f} MB to {self.written / 1e6:,.1f} MB ({ratio:.3f}){failed}",
            refresh=False,
        )
        self.bar.update()
