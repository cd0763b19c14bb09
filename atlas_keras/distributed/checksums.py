"""The checksums of many files, which are as much to read as the files: a task a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from atlas_keras.checksum import sha256_of
from atlas_keras.data.paths import find_file
from atlas_keras.data.remote import url_of
from atlas_keras.data.source import Digests
from atlas_keras.distributed.scheduling import Loop, Task, in_order, naming
from atlas_keras.errors import JetDataError


def digests_on(at_work: Loop) -> Digests:
    """Return what computes the sha256 of files on the workers of a cluster.

    Args:
        at_work: of `scheduling.workers`.
    """

    def digests(paths: Sequence[Path]) -> Iterator[str]:
        sources = list(map(url_of, paths))
        for index, outcome in in_order(at_work.run(hash_file, [{"source": source} for source in sources])):
            if outcome.error:
                raise JetDataError(naming(sources[index], outcome.error))
            yield outcome.value

    return digests


def hash_file(task: Task, luggage: Path) -> str:
    """Compute the sha256 of a file.

    Args:
        task: `source`.
        luggage: folder of files, of which none is needed.
    """
    return sha256_of(find_file(task["source"]))
