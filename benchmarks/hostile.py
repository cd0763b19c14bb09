"""Attack the readers of compressed files with many thousand changed files, whose digests are repaired.

No checksum tells what was changed. What may come is an error of ours in one sentence that names the file, or a file of
other jets; never a crash, a death, a half-written file, or words that nobody wrote.

A case is fixed by the seed and its number. Cases run in processes of their own, because a library may end the process.

    python -m benchmarks.hostile --cases 100000
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from atlas_keras.system import n_cores
from benchmarks import results

CODINGS = {"entropy": "1e-3", "mass": "1e-3,mass=1e-2", "portable": "1e-3", "lossless": None}
COLUMNS = ("E", "pt", "eta", "phi", "MET", "METphi")
N_EVENTS = 25
LONGEST = 600  # characters of a message
PLACES = struct.Struct("<I")  # before the words of an entropy-coded block: how many bytes they take
HEAD = 8  # bytes of the words' own head
CHUNK = 500  # cases of a process


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


class FaultError(Exception):
    """Report an outcome that must not be."""


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


def spoil_value(value: Any, rng: random.Random) -> Any:
    """Change a value of a header, or one inside of it."""
    if isinstance(value, list) and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], spoil_value(value[at], rng), *value[at + 1 :]]
    near = [value + 1, value - 1, value * 2, -value] if isinstance(value, int | float) else []
    return rng.choice(
        [*near, *near, 0, 1, -1, 0.5, 1e-300, 1e300, float("nan"), 1 << 62, "", "x" * 300, None, [], {}, True]
    )


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
    told = [_tell(describe_file, target), _tell(decompress_file, target, out, entropy_model, jobs=1, progress=False)]
    for sentence in filter(None, told):
        if str(target) not in sentence or "\n" in sentence or len(sentence) > LONGEST:
            raise FaultError(f"the message is not one sentence with the file's name: {sentence[:1000]!r}")
    if told[1]:
        if out.exists():
            raise FaultError("a refused file has left something behind")
        return kind, "refused"
    back = pq.read_table(out)
    out.unlink()
    if kind == "words cut or added":
        raise FaultError("words that nobody wrote were accepted")
    return kind, "read as before" if back.equals(victim.back) else "read as other jets"


def _tell(read: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Call a reader: what it says where it refuses, None where it does not."""
    try:
        read(*args, **kwargs)
    except AtlasKerasError as error:
        return str(error)
    except Exception as error:
        raise FaultError(f"{read.__name__} raised {type(error).__name__}: {error}") from error
    except BaseException as error:  # panics of extension modules are no Exceptions
        if isinstance(error, KeyboardInterrupt):
            raise
        raise FaultError(f"{read.__name__} raised {type(error).__name__}: {error}") from error
    return None


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


def run_cases(entropy_model: EntropyModel, seed: int, numbers: range) -> Iterator[tuple[int, str, str]]:
    """Run cases in processes: the number, what was changed and what came of it, `fault: ...` for what must not be."""
    context = multiprocessing.get_context("spawn")
    while numbers:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(sender, entropy_model.to_bytes(), seed, numbers))
        process.start()
        sender.close()
        done = numbers.start
        try:
            while True:
                number, kind, outcome = receiver.recv()
                yield number, kind, outcome
                done = number + 1
        except EOFError:
            process.join()
        if done < numbers.stop:
            yield done, "?", f"fault: the process ended with {process.exitcode}"
        numbers = range(done + 1, numbers.stop)


def _run(sender: Any, content: bytes, seed: int, numbers: range) -> None:
    entropy_model = EntropyModel.from_bytes(content, "the entropy model")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        victims = make_victims(entropy_model, folder)
        for number in numbers:
            try:
                kind, outcome = attack(victims, entropy_model, seed, number, folder)
            except FaultError as fault:
                kind, outcome = "?", f"fault: {fault}"
            sender.send((number, kind, outcome))
    sender.close()


def main() -> None:
    """Run the cases, print what came of them, and end with 1 where there was a fault."""
    parser = argparse.ArgumentParser(description="Attack the readers of compressed files behind repaired digests.")
    parser.add_argument("--cases", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--print-only", action="store_true", help="leave docs/ as it is")
    args = parser.parse_args()
    entropy_model, started = _entropy_model(), time.perf_counter()
    chunks = [range(start, min(start + CHUNK, args.cases)) for start in range(0, args.cases, CHUNK)]
    counts: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    with ThreadPoolExecutor(n_cores()) as pool:  # a thread waits for a process
        for chunk in pool.map(lambda numbers: list(run_cases(entropy_model, args.seed, numbers)), chunks):
            for number, kind, outcome in chunk:
                fault = outcome.startswith("fault: ")
                counts[kind, "fault" if fault else outcome] += 1
                if fault:
                    faults.append(f"case {number}: {outcome.removeprefix('fault: ')}")
                    print(faults[-1], file=sys.stderr)
    minutes = (time.perf_counter() - started) / 60
    outcomes = ["refused", "has no header any more", "read as other jets", "read as before", "fault"]
    rows = [[kind, *(counts[kind, outcome] for outcome in outcomes)] for kind in sorted({kind for kind, _ in counts})]
    body = (
        f"{args.cases:,} changed files of {N_EVENTS} events, seed {args.seed}, with digests that fit; {minutes:.0f} "
        "minutes. A refusal is one sentence that names the file. Other jets, or other columns, are what a file of "
        "other content is: nothing can tell it from one that somebody meant.\n\n"
        + results.table(["what was changed", *outcomes], rows)
    )
    figures = {
        "cases": args.cases,
        "seed": args.seed,
        "outcomes": {row[0]: dict(zip(outcomes, row[1:], strict=True)) for row in rows},
    }
    command = f"python -m benchmarks.hostile --cases {args.cases} --seed {args.seed}"
    if args.print_only:
        print(body)
    else:
        results.write(
            "hostile", "Hostile compressed files", command, body, figures, ("numpy", "pyarrow", "constriction")
        )
    sys.exit(1 if faults else 0)


def _entropy_model() -> EntropyModel:
    """Learn the entropy model of the shipped sample's training split, as a run does."""
    split = split_of_events(sum(batch.n_events for batch in read_events()), DataConfig(), 0)
    return fit_entropy_model(collect_events(read_events(), split == 0))


if __name__ == "__main__":
    main()
