"""Attack the readers of compressed files of jets with many thousand changed files, whose digests are repaired.

What may come is an error of ours in one sentence that names the file, or a file of other jets; never a crash, a death,
a half-written file, or words that nobody wrote.

    python -m benchmarks.hostile --cases 100000
"""

from __future__ import annotations

import functools
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.digest import compute_digest, find_digest
from atlas_keras.codec.entropy_model.fitting import collect_events, fit_entropy_model
from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.codec.files import compress_file, decompress_file, describe_file
from atlas_keras.codec.header import CODED, COLUMNS_KEY, KEY, NO_DIGEST
from atlas_keras.config import DataConfig
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import split_of_events
from atlas_keras.errors import AtlasKerasError
from benchmarks.attacks import Attack, FaultError, read_back, run_all, spoil_value, tell

CODINGS = {"entropy": "1e-3", "mass": "1e-3,mass=1e-2", "parquet": "1e-3", "lossless": None}
COLUMNS = ("E", "pt", "eta", "phi", "MET", "METphi")
N_EVENTS = 25
PLACES = struct.Struct("<I")  # before the words of an entropy-coded block: how many bytes they take
HEAD = 8  # bytes of the words' own head


class Victim(NamedTuple):
    """A sound compressed file.

    Args:
        coding: key of `CODINGS`.
        path: of the file.
        back: what it decompresses to.
    """

    coding: str
    path: Path
    back: pa.Table


def make_victims(entropy_model: EntropyModel, folder: Path) -> list[Victim]:
    """Write a small file of every coding, with columns beside the jets."""
    source, victims = folder / "in.parquet", []
    table = next(read_events()).table.select(list(COLUMNS)).slice(0, N_EVENTS)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), source)
    for name, bound in CODINGS.items():
        path, back = folder / f"{name}.jets", folder / f"{name}.parquet"
        coding = "entropy" if name == "mass" else name
        compress_file(entropy_model, source, path, bound and Bounds.parse(bound), coding=coding, jobs=1, progress=False)
        decompress_file(path, back, entropy_model, jobs=1, progress=False)
        victims.append(Victim(name, path, pq.read_table(back)))
    return victims


def repair(path: Path) -> None:
    """Write the digest that fits the content.

    Raises:
        JetDataError: the content holds none.
    """
    at, _ = find_digest(path)
    digest = compute_digest(path, at).encode()
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(digest)


def change_bytes(victim: Victim, rng: random.Random, target: Path) -> str:
    """Change some bytes anywhere; most are in pages and in what Parquet says of them."""
    content = bytearray(victim.path.read_bytes())
    for _ in range(rng.choice([1, 1, 2, 20])):
        content[rng.randrange(4, len(content) - 8)] = rng.randrange(256)
    target.write_bytes(content)
    return "bytes anywhere"


def change_footer(victim: Victim, rng: random.Random, target: Path) -> str:
    """Change some bytes of the footer, in which Parquet describes its columns."""
    content = bytearray(victim.path.read_bytes())
    length = int.from_bytes(content[-8:-4], "little")
    for _ in range(rng.choice([1, 1, 2, 8])):
        content[rng.randrange(len(content) - 8 - length, len(content) - 8)] = rng.randrange(256)
    target.write_bytes(content)
    return "bytes of the footer"


def change_cell(victim: Victim, rng: random.Random, target: Path) -> str:
    """Change what a block holds in one column."""
    table, metadata = parts_of(victim)
    name = rng.choice(table.column_names)
    cells = table[name].to_pylist()
    cells[0] = spoil(cells[0], rng)
    index = table.column_names.index(name)
    write(target, table.set_column(index, name, pa.array(cells, table.schema.field(name).type)), metadata)
    return "a column of a block"


def change_words(victim: Victim, rng: random.Random, target: Path) -> str:
    """Cut words of the range coder off, or add some; elsewhere cells."""
    if victim.coding not in ("entropy", "mass"):
        return change_cell(victim, rng, target)
    table, metadata = parts_of(victim)
    content = table[CODED][0].as_py()
    length = PLACES.unpack_from(content)[0]
    words, rest = content[PLACES.size : PLACES.size + length], content[PLACES.size + length :]
    n = 4 * rng.randint(1, 3)
    words = words[: max(len(words) - n, HEAD)] if rng.random() < 0.5 else words + rng.randbytes(n)
    block = PLACES.pack(len(words)) + words + rest
    write(target, table.set_column(0, CODED, pa.array([block], pa.binary())), metadata)
    return "words cut or added"


def change_header(victim: Victim, rng: random.Random, target: Path) -> str:
    """Change a value of the header, or a number inside of one."""
    table, metadata = parts_of(victim)
    header = json.loads(metadata[KEY])
    key = rng.choice([name for name in header if name != "digest"])
    header[key] = spoil_value(header[key], rng)
    metadata[KEY] = json.dumps({**header, "digest": NO_DIGEST}, separators=(",", ":")).encode()
    write(target, table, metadata)
    return "the header"


ATTACKS: tuple[Callable[[Victim, random.Random, Path], str], ...] = (
    change_bytes,
    change_footer,
    change_cell,
    change_words,
    change_header,
)


def spoil(value: Any, rng: random.Random) -> Any:
    """Change what a cell of a compressed file holds: bytes, or a list of anything."""
    if isinstance(value, bytes):
        content = bytearray(value)
        for _ in range(rng.choice([1, 4, 40])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        return bytes(content[: rng.choice([len(content), len(content), rng.randrange(len(content)), 0])])
    if not value:
        return None
    at = rng.randrange(len(value))
    others = [value[:-1], [*value, value[0]], [], None, [*value[:at], None, *value[at + 1 :]]]
    if isinstance(value[0], int):
        others += [[*value[:at], -value[at] - 1, *value[at + 1 :]], [2**31 - 1] * len(value)]
    return rng.choice(others)


def attack(victims: list[Victim], entropy_model: EntropyModel, seed: int, number: int, folder: Path) -> tuple[str, str]:
    """Make one changed file and read it: what was changed, and what came of it.

    Args:
        victims: sound files.
        entropy_model: of theirs.
        seed, number: of the case.
        folder: to write into.

    Raises:
        FaultError: what must not be, with the reason.
    """
    rng, target, out = random.Random(f"{seed}:{number}"), folder / "hostile.jets", folder / "out.parquet"
    victim = rng.choice(victims)
    kind = rng.choice(ATTACKS)(victim, rng, target)
    try:
        repair(target)
    except AtlasKerasError:
        return kind, "has no header any more"
    told = [tell(describe_file, target), tell(decompress_file, target, out, entropy_model, jobs=1, progress=False)]
    back = read_back(told, target, out)
    if back is None:
        return kind, "refused"
    if kind == "words cut or added":
        raise FaultError("words that nobody wrote were accepted")
    return kind, "read as before" if back.equals(victim.back) else "read as other jets"


def parts_of(victim: Victim) -> tuple[pa.Table, dict[bytes, bytes]]:
    """Read the table of a compressed file, and what its metadata says."""
    metadata = pq.read_metadata(victim.path).metadata
    return pq.read_table(victim.path), {key: metadata[key] for key in (KEY, COLUMNS_KEY) if key in metadata}


def write(target: Path, table: pa.Table, metadata: dict[bytes, bytes]) -> None:
    """Write a compressed file with this content, with zeros for its digest."""
    header = json.loads(metadata[KEY])
    text = json.dumps({**header, "digest": NO_DIGEST}, separators=(",", ":"))
    with pq.ParquetWriter(target, table.schema, store_schema=False) as writer:
        for row in range(table.num_rows):
            writer.write_table(table.slice(row, 1))
        writer.add_key_value_metadata({**metadata, KEY: text})


def prepare(content: bytes, folder: Path) -> Attack:
    """Write the victims, and return what attacks them.

    Args:
        content: of the entropy model.
        folder: to write into.
    """
    entropy_model = EntropyModel.from_bytes(content, "the entropy model")
    victims = make_victims(entropy_model, folder)
    return lambda seed, number: attack(victims, entropy_model, seed, number, folder)


def main() -> None:
    """Run the cases, print what came of them, and end with 1 where there was a fault."""
    split = split_of_events(sum(batch.n_events for batch in read_events()), DataConfig(), 0)
    entropy_model = fit_entropy_model(collect_events(read_events(), split == 0))  # as a run of the sample does
    run_all(
        "hostile",
        "Hostile compressed files",
        functools.partial(prepare, entropy_model.to_bytes()),
        f"of jets, of {N_EVENTS} events",
        ("numpy", "pyarrow", "constriction"),
    )


if __name__ == "__main__":
    main()
