"""How much a file may unfold to in memory: a few bytes of any compressed format can claim jets that fill every machine.

The limits are far beyond what files of jets reach, and `any_size` lifts them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import JetDataError

FREE_BYTES = 1 << 28  # in memory, that a file may unfold to however small it is: eight million jets
MAX_RATIO = 1000  # bytes in memory for each byte of the file; real files have less than 10
MAX_EVENT = 10_000_000  # jets


def check_size(path: Path, n_bytes: int) -> None:
    """Refuse a file that unfolds to much more than a file of its size does.

    Args:
        path: of the file.
        n_bytes: that its columns take in memory, all or so far.

    Raises:
        JetDataError: more than 256 MiB, and more than a thousand times the size of the file.
    """
    size = path.stat().st_size
    if n_bytes > max(FREE_BYTES, MAX_RATIO * size):
        raise JetDataError(
            f"{path}: its {size:,} bytes unfold to {n_bytes:,} or more in memory, as files of jets do not; "
            "--any-size reads it all the same"
        )


def check_events(path: Path, counter: str, numbers: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Refuse an event with more jets than any event has.

    Args:
        path, counter, numbers, counts: of an `EventBatch`.

    Raises:
        JetDataError: names the event.
    """
    if len(counts) and counts.max() > MAX_EVENT:
        at = int(np.argmax(counts))
        raise JetDataError(
            f"{path}: {counter} {numbers[at]} has {counts[at]:,} jets, as no event has; "
            "--any-size reads it all the same"
        )
