"""Attack the readers of files of columns with many thousand changed files, whose checksums are repaired.

What may come is an error of ours in one sentence that names the file, or a file of other values; never a crash, a
death, a half-written file, or memory that a file of its size does not need.

    python -m benchmarks.hostile_columns --cases 100000
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.container import END, MAGIC, Index
from atlas_keras.codec.columns.decompression import decompress_columns
from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.head import ALONE
from atlas_keras.codec.columns.packing import pack_bytes
from atlas_keras.codec.columns.reader import CompressedColumns
from atlas_keras.data.readers import read_events
from atlas_keras.info import describe
from benchmarks.attacks import Attack, read_back, run_all, spoil_value, tell

N_EVENTS = 400  # enough for columns to be learned


class Victim(NamedTuple):
    """A sound file, taken apart.

    Args:
        streams: of each block, of each leaf.
        behind: the bytes between them and the head: other trees.
        head: unpacked.
        back: what it decompresses to.
    """

    streams: list[list[bytes]]
    behind: bytes
    head: bytes
    back: pa.Table


def make_victims(folder: Path) -> list[Victim]:
    """Write small files: one whose columns are learned, one with a column of every type, one of two trees."""
    learned = next(read_events()).table.slice(0, N_EVENTS)
    pq.write_table(learned, folder / "learned.parquet")
    types = {
        "text": pa.array(["a", None, "bc"] * 9),
        "lists": pa.array([[[0.5, None], []], [], None] * 9),
        "structs": pa.array([{"pt": 1.5, "id": 3}, {"pt": -2.5, "id": 4}, {"pt": 0.0, "id": 4}] * 9),
        "days": pa.array([datetime.date(2026, 1, day) for day in range(1, 28)]),
        "maps": pa.array([[("a", 1)], [], [("b", 2)]] * 9, pa.map_(pa.string(), pa.int32())),
        "doubles": pa.array([1e300, float("nan"), -0.0] * 9),
        "words": pa.array([2**64 - 1, 0, 1] * 9, pa.uint64()),
    }
    pq.write_table(pa.table(types), folder / "types.parquet")
    jets = np.array([(k / 7, k) for k in range(40)], [("pt", np.float32), ("id", np.int16)])
    np.savez(folder / "trees.npz", jets=jets, tracks=np.zeros(5, [("d0", np.float64)]))
    return [_victim(folder / name) for name in ("learned.parquet", "types.parquet", "trees.npz")]


def _victim(source: Path) -> Victim:
    small, back = source.with_suffix(".akc"), source.with_suffix(".back.parquet")
    compress_columns(source, small, jobs=1)
    decompress_columns(small, back)
    content = small.read_bytes()
    file = CompressedColumns(io.BytesIO(content), small.name)
    n_head, n_index = END.unpack(content[-END.size :])[:2]
    streams, at = [], len(MAGIC)
    for lengths in file.index.lengths.tolist():
        streams.append([])
        for length in lengths:
            streams[-1].append(content[at : at + length])
            at += length
    behind = content[at : len(content) - END.size - n_head - n_index]
    return Victim(streams, behind, file.head.to_bytes(), pq.read_table(back))


def put_together(victim: Victim, lengths: list[list[int]] | None = None) -> bytes:
    """Write a file, with checksums and digest that fit, and maybe other lengths than those of its streams."""
    data = b"".join(stream for block in victim.streams for stream in block) + victim.behind
    said = np.array(lengths or [[len(stream) for stream in block] for block in victim.streams], np.int64)
    ends = np.cumsum(said)
    sums = [zlib.crc32(data[end - n : end]) if n else 0 for end, n in zip(ends, said.ravel(), strict=True)]
    index = Index(said, np.array(sums, np.uint32).reshape(said.shape)).to_bytes()
    packed = bytes([ALONE]) + pack_bytes(victim.head)
    content = MAGIC + data + packed + index
    end = (len(packed), len(index), zlib.crc32(packed), zlib.crc32(index))
    digest = hashlib.blake2b(content + END.pack(*end, bytes(16), MAGIC), digest_size=16).digest()
    return content + END.pack(*end, digest, MAGIC)


def change_streams(victim: Victim, rng: random.Random) -> bytes:
    """Change bytes of streams."""
    streams = [list(block) for block in victim.streams]
    for _ in range(rng.choice([1, 1, 2, 20])):
        block = rng.choice(streams)
        at = rng.choice([k for k, stream in enumerate(block) if stream])
        block[at] = _changed(block[at], rng)
    return put_together(victim._replace(streams=streams))


def change_whole_streams(victim: Victim, rng: random.Random) -> bytes:
    """Cut a stream, add to it, empty it, or put another one in its place."""
    streams = [list(block) for block in victim.streams]
    block = rng.choice(streams)
    at = rng.randrange(len(block))
    here, other = block[at], rng.choice(block)
    n = rng.randrange(len(here) + 1)
    block[at] = rng.choice([here[:n], here[n:], here + rng.randbytes(rng.randint(1, 30)), b"", other, here + other])
    return put_together(victim._replace(streams=streams))


def change_lengths(victim: Victim, rng: random.Random) -> bytes:
    """Move the places where streams end."""
    lengths = [[len(stream) for stream in block] for block in victim.streams]
    block = rng.choice(lengths)
    one, other = rng.randrange(len(block)), rng.randrange(len(block))
    n = rng.choice([1, 2, 5, block[other]])
    block[one], block[other] = block[one] + n, max(block[other] - n, 0)
    return put_together(victim, lengths)


def change_head(victim: Victim, rng: random.Random) -> bytes:
    """Change bytes of the head: of its JSON, of the plans, and of all that is learned."""
    head = victim.head
    for _ in range(rng.choice([1, 1, 2, 8])):
        head = _changed(head, rng)
    return put_together(victim._replace(head=head))


def change_json(victim: Victim, rng: random.Random) -> bytes:
    """Change a value in the JSON of the head."""
    reader = ByteReader(victim.head)
    said = json.loads(reader.chunk())
    key = rng.choice(list(said))
    inner = said[key]
    if isinstance(inner, dict) and inner and rng.random() < 0.9:
        part = rng.choice(list(inner))
        inner[part] = spoil_value(inner[part], rng)
    else:
        said[key] = spoil_value(inner, rng)
    writer = ByteWriter()
    writer.chunk(json.dumps(said).encode())
    return put_together(victim._replace(head=bytes(writer.content) + reader.rest()))


def change_behind(victim: Victim, rng: random.Random) -> bytes:
    """Change bytes of other trees; where there are none, of the end of the file."""
    if victim.behind:
        return put_together(victim._replace(behind=_changed(victim.behind, rng)))
    content = put_together(victim)
    return content[: -END.size] + _changed(content[-END.size :], rng)


ATTACKS: dict[str, Callable[[Victim, random.Random], bytes]] = {
    "bytes of streams": change_streams,
    "streams cut, added to or exchanged": change_whole_streams,
    "lengths of streams": change_lengths,
    "bytes of the head": change_head,
    "a value of the head": change_json,
    "other trees, or the end": change_behind,
}


def _changed(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]


def attack(victims: list[Victim], seed: int, number: int, folder: Path) -> tuple[str, str]:
    """Make one changed file and read it: what was changed, and what came of it.

    Args:
        victims: sound files.
        seed, number, folder: as of `hostile.attack`.

    Raises:
        FaultError: what must not be, with the reason.
    """
    rng, target, out = random.Random(f"{seed}:{number}"), folder / "hostile.akc", folder / "out.parquet"
    victim, kind = rng.choice(victims), rng.choice(list(ATTACKS))
    target.write_bytes(ATTACKS[kind](victim, rng))
    told = [tell(describe, target), tell(decompress_columns, target, out), tell(_check, target)]
    back = read_back(told, target, out)
    if back is None or told[2]:
        return kind, "refused"
    return kind, "read as before" if back.equals(victim.back) else "read as other jets"


def _check(path: Path) -> None:
    with path.open("rb") as file:
        CompressedColumns(file, str(path)).check()


def prepare(folder: Path) -> Attack:
    """Write the victims, and return what attacks them."""
    victims = make_victims(folder)
    return lambda seed, number: attack(victims, seed, number, folder)


def main() -> None:
    """Run the cases, print what came of them, and end with 1 where there was a fault."""
    what = f"of columns: {N_EVENTS} events with what is learned, every type, two trees"
    run_all("hostile_columns", "Hostile files of columns", prepare, what, ("numpy", "pyarrow", "numba"))


if __name__ == "__main__":
    main()
