"""Run many thousand attacks on readers of compressed files, and tell what came of them.

A case is fixed by the seed and its number. Cases run in processes of their own, because a library may end the process;
one that takes very long is ended, and counts as a fault, as does one that wants much memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.command import limit_memory
from atlas_keras.errors import AtlasKerasError
from atlas_keras.system import n_cores
from benchmarks import results

CHUNK = 1000  # cases of a process
LONGEST = 600  # characters of a message
HANG = 600  # seconds for a case: no limit of speed, the end of one that never ends
GIGABYTES = 2.0  # that the cases of a process may take beyond what it has taken at its start
OUTCOMES = ["refused", "has no header any more", "read as other jets", "read as before", "fault"]
Attack = Callable[[int, int], tuple[str, str]]  # seed and number -> what was changed, and what came of it
Prepare = Callable[[Path], Attack]


class FaultError(Exception):
    """Report an outcome that must not be."""


def tell(read: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Call a reader: what it says where it refuses, None where it does not.

    Raises:
        FaultError: it raises what is no error of ours.
    """
    try:
        read(*args, **kwargs)
    except AtlasKerasError as error:
        return str(error)
    except BaseException as error:  # panics of extension modules are no Exceptions
        if isinstance(error, KeyboardInterrupt):
            raise
        raise FaultError(f"{read.__name__} raised {type(error).__name__}: {error}") from error
    return None


def read_back(told: Sequence[str | None], source: Path, out: Path) -> pa.Table | None:
    """Judge what readers said of a file, and return what it unfolded to; None where it was refused.

    Args:
        told: what each of them said, the second one of unfolding it.
        source: the file.
        out: where it was unfolded to; it is gone afterwards.

    Raises:
        FaultError: words that are no sentence with the file's name, or a refused file that has left something behind.
    """
    for sentence in filter(None, told):
        if str(source) not in sentence or "\n" in sentence or len(sentence) > LONGEST:
            raise FaultError(f"the message is not one sentence with the file's name: {sentence[:1000]!r}")
    if told[1]:
        if out.exists():
            raise FaultError("a refused file has left something behind")
        return None
    back = pq.read_table(out)
    out.unlink()
    return back


def spoil_value(value: Any, rng: random.Random) -> Any:
    """Change a value of a header, or one inside of it."""
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], spoil_value(value[at], rng), *value[at + 1 :]]
    near = [value + 1, value - 1, value * 2, -value] if isinstance(value, int | float) else []
    return rng.choice(
        [*near, *near, 0, 1, -1, 0.5, 1e-300, 1e300, float("nan"), 1 << 62, "", "x" * 300, None, [], {}, True]
    )


def run_cases(prepare: Prepare, seed: int, numbers: range) -> Iterator[tuple[int, str, str]]:
    """Run cases in processes: the number, what was changed and what came of it, `fault: ...` for what must not be.

    A process that has done its cases tells -1, its megabytes at most, and the seconds of its slowest case.
    """
    context = multiprocessing.get_context("spawn")
    while numbers:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(sender, prepare, seed, numbers))
        process.start()
        sender.close()
        done = numbers.start
        try:
            while receiver.poll(HANG):
                number, kind, outcome = receiver.recv()
                yield number, kind, outcome
                done = max(number + 1, done)
            process.kill()
        except EOFError:
            pass
        process.join()
        if done < numbers.stop:
            yield done, "?", f"fault: the process ended with {process.exitcode}"
        numbers = range(done + 1, numbers.stop)


def _run(sender: Any, prepare: Prepare, seed: int, numbers: range) -> None:
    with tempfile.TemporaryDirectory() as name:
        attack = prepare(Path(name))
        limit_memory(GIGABYTES)
        slowest = 0.0
        for number in numbers:
            started = time.process_time()
            try:
                kind, outcome = attack(seed, number)
            except FaultError as fault:
                kind, outcome = "?", f"fault: {fault}"
            slowest = max(slowest, time.process_time() - started)
            sender.send((number, kind, outcome))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        sender.send((-1, str(peak), str(slowest)))
    sender.close()


def run_all(name: str, title: str, prepare: Prepare, what: str, packages: Sequence[str]) -> None:
    """Run the cases of a command line, write what came of them, and end with 1 where there was a fault.

    Args:
        name: of the report in `docs/`, and of the module.
        title: of the report.
        prepare: writes victims into a folder, and returns what attacks them.
        what: the files are, for the report.
        packages: whose versions matter.
    """
    parser = argparse.ArgumentParser(description="Attack the readers of compressed files behind repaired digests.")
    parser.add_argument("--cases", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--print-only", action="store_true", help="leave docs/ as it is")
    args = parser.parse_args()
    started = time.perf_counter()
    chunks = [range(start, min(start + CHUNK, args.cases)) for start in range(0, args.cases, CHUNK)]
    counts: Counter[tuple[str, str]] = Counter()
    n_faults, peak, slowest = 0, 0, 0.0
    with ThreadPoolExecutor(n_cores()) as pool:  # a thread waits for a process
        for chunk in pool.map(lambda numbers: list(run_cases(prepare, args.seed, numbers)), chunks):
            for number, kind, outcome in chunk:
                if number < 0:
                    peak, slowest = max(peak, int(kind)), max(slowest, float(outcome))
                    continue
                fault = outcome.startswith("fault: ")
                counts[kind, "fault" if fault else outcome] += 1
                if fault:
                    n_faults += 1
                    print(f"case {number}: {outcome.removeprefix('fault: ')}", file=sys.stderr)
    minutes = (time.perf_counter() - started) / 60
    rows = [[kind, *(counts[kind, outcome] for outcome in OUTCOMES)] for kind in sorted({kind for kind, _ in counts})]
    body = (
        f"{args.cases:,} changed files {what}, seed {args.seed}, with checksums that fit; {minutes:.0f} minutes. A "
        "refusal is one sentence that names the file. Other jets, or other columns, are what a file of other content "
        "is: nothing can tell it from one that somebody meant. A process of "
        f"{CHUNK} cases took {peak} MB at most, with all that it had imported; the slowest case {slowest:.1f} s.\n\n"
        + results.table(["what was changed", *OUTCOMES], rows)
    )
    figures = {
        "cases": args.cases,
        "seed": args.seed,
        "outcomes": {row[0]: dict(zip(OUTCOMES, row[1:], strict=True)) for row in rows},
        "peak_megabytes": peak,
        "slowest_seconds": slowest,
    }
    if args.print_only:
        print(body)
    else:
        command = f"python -m benchmarks.{name} --cases {args.cases} --seed {args.seed}"
        results.write(name, title, command, body, figures, packages)
    sys.exit(1 if n_faults else 0)
