"""Compress a file of jets and get it back: block by block, in several processes, with bounded memory."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tqdm

from atlas_keras.codec.block_writer import BlockWriter
from atlas_keras.codec.blocks import BlockCodec, Coded
from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.columns.opening import refuse_compressed
from atlas_keras.codec.container import CompressedFile, open_compressed, own_fields
from atlas_keras.codec.cutting import cut_blocks, other_columns
from atlas_keras.codec.entropy_model.context import CUT
from atlas_keras.codec.entropy_model.fitting import missing_momentum
from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.codec.header import Header
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.codec.source_form import Origin
from atlas_keras.codec.workers import decode_block, in_order
from atlas_keras.data.events import EventBatch, InvalidPolicy, jagged
from atlas_keras.data.file_format import OBJECTS, ReadOptions
from atlas_keras.data.readers import read_batches
from atlas_keras.data.writers import EventWriter, object_options
from atlas_keras.errors import AtlasKerasError, JetDataError, RunError, reason_of
from atlas_keras.output import check_free, whole_file
from atlas_keras.schema import FOUR_MOMENTUM

FLOAT32_BITS = 4 * 32  # of a jet, what ratios compare with
LEVELS = {"entropy": 3, "parquet": 19, "lossless": 19}


@dataclass(frozen=True)
class Summary:
    """What a compression or decompression did.

    Args:
        header: of the compressed file.
        size: of the compressed file [bytes].
        bytes_by_stream: of the compressed file, by column.
        seconds: that it took.
    """

    header: Header
    size: int
    bytes_by_stream: dict[str, int]
    seconds: float

    @property
    def bits_per_jet(self) -> float:
        """Bits of a jet, event structure and side information included, other columns and an embedded model not."""
        names = {"container", *(field.name for field in own_fields(self.header.coding))}
        own = sum(size for name, size in self.bytes_by_stream.items() if name in names)
        return 8 * own / self.header.n_jets if self.header.n_jets else 0.0


def compress_file(
    run: str | Path | EntropyModel | None,
    source: str | Path,
    target: str | Path,
    bounds: Bounds | None,
    *,
    coding: str = "entropy",
    level: int | None = None,
    embed_model: bool = False,
    source_unit: str | None = None,
    tree: str | None = None,
    objects: Sequence[str] = OBJECTS,
    columns: Sequence[str] = (),
    jet_columns: Sequence[str] | None = None,
    policy: InvalidPolicy | None = None,
    any_size: bool = False,
    force: bool = False,
    jobs: int | None = None,
    progress: bool | None = None,
) -> Summary:
    """Compress a file of jets; every jet is decoded and checked before the file appears.

    Args:
        run: run folder whose entropy model is used, or an entropy model; None for a lossless file.
        source: Dark Machines text, Parquet, NanoAOD or DAOD_PHYSLITE.
        target: the compressed file.
        bounds: of the errors; None means lossless.
        coding: `entropy` or `parquet`.
        level: of zstd, 1 to 22.
        embed_model: put the entropy model into the file (of `entropy`; the other codings need none).
        source_unit, tree, objects, columns, jet_columns, policy, any_size: as in `read_events`.
        force: replace a file that is there.
        jobs: number of processes; None means one a core.
        progress: False hides the progress bar; None shows it on a terminal.

    Raises:
        JetDataError: bad input.
        RunError: no such run, or the name is taken.
    """
    started = time.perf_counter()
    origin, target = Origin.of(source), Path(target)
    check_free(target, force=force, sources=[source])
    refuse_compressed(origin.path)
    entropy_model = run if isinstance(run, EntropyModel) or run is None else EntropyModel.load(run)
    policy = policy or InvalidPolicy()
    options = ReadOptions(
        FOUR_MOMENTUM, source_unit, policy, tuple(objects), tuple(columns), tree, jet_columns, any_size=any_size
    )
    batches = read_batches([origin.path], "file", options)
    first = next(batches)
    header = _header(first, origin, entropy_model, bounds, coding)
    drop = {*FOUR_MOMENTUM.names, *(() if origin.stores_energy or bounds is None else ("mass",))}
    others = other_columns(first.table, drop).schema
    model = entropy_model.to_bytes() if entropy_model and embed_model and header.coding == "entropy" else None
    jets = None if first.unclear else tuple(name for name in first.jet_columns if name in others.names)
    blocks = cut_blocks(itertools.chain([first], batches), header.unit, drop)
    with whole_file(target, force=force) as unfinished, _Bar("compress", progress) as bar:
        writer = BlockWriter(unfinished, header, others, level or LEVELS[header.coding], model, jets)
        header = _write(writer, in_order(BlockCodec.encode, blocks, header, entropy_model, jobs), bar)
        with open_compressed(unfinished) as file:
            if file.header != header:
                raise RunError(f"{target}: the header does not come back; nothing was written")
            return _summary(file, time.perf_counter() - started)


def _write(writer: BlockWriter, blocks: Iterator[tuple[Coded, pa.Table]], bar: _Bar) -> Header:
    """Write coded blocks with their other columns; return the header, which counts what they hold."""
    found = np.zeros(3, np.int64)  # events, jets, jets that are stored as they are
    precision = 0.0
    for coded, table in blocks:
        writer.write(coded.columns, table)
        found += coded.n_events, coded.n_jets, coded.n_exact
        precision = max(precision, coded.precision)
        bar.update(coded.n_jets, writer.path)
    n_events, n_jets, n_exact = found.tolist()
    return writer.close(n_events=n_events, n_jets=n_jets, n_exact=n_exact, precision=precision)


def _summary(file: CompressedFile, seconds: float) -> Summary:
    return Summary(file.header, file.path.stat().st_size, file.stream_bytes(), seconds)


def decompress_file(
    source: str | Path,
    target: str | Path,
    run: str | Path | EntropyModel | None = None,
    *,
    force: bool = False,
    jobs: int | None = None,
    progress: bool | None = None,
) -> Summary:
    """Write the jets of a compressed file back, with all other columns.

    Args:
        source: the compressed file.
        target: `.parquet`, or `.csv` or `.csv.gz` in the Dark Machines format.
        run: run folder whose entropy model was used, or an entropy model; `parquet` and lossless files need none, nor
            do files that embed it.
        force, jobs, progress: as in `compress_file`.

    A file of a stranger can claim columns that fill any memory; the command sets a limit for that before it calls this.

    Raises:
        JetDataError: a damaged file.
        RunError: the entropy model is missing or not that of the file, or the name is taken.
    """
    started = time.perf_counter()
    source, target = Path(source), Path(target)
    check_free(target, force=force, sources=[source])
    with open_compressed(source) as file:
        header = file.header
        entropy_model = find_entropy_model(file, run)
        flat = header.layout == "jets"
        options = object_options(target, FOUR_MOMENTUM, header.unit, file.columns.jets, flat=flat)
        with (
            whole_file(target, force=force) as unfinished,
            EventWriter(unfinished, target, options) as writer,
            _Bar("decompress", progress) as bar,
        ):
            found = np.zeros(3, np.int64)  # events, jets, jets that are stored as they are
            with _told_of(source, target):
                for decoded, table in in_order(decode_block, _coded_blocks(file), header, entropy_model, jobs):
                    writer.write(_table(table, decoded.n_jets, decoded.jets, header))
                    found += len(decoded.n_jets), len(decoded.jets), decoded.n_exact
                    bar.update(len(decoded.jets), source)
            said = (header.n_events, header.n_jets, header.n_exact)
            if tuple(found) != said:
                names = ("events", "jets", "jets stored as they are")
                name, held, wrong = next(item for item in zip(names, found, said, strict=True) if item[1] != item[2])
                raise JetDataError(f"{source}: holds {held} {name}, and says {wrong}")
        return _summary(file, time.perf_counter() - started)


@contextlib.contextmanager
def _told_of(source: Path, target: Path) -> Iterator[None]:
    """Tell what decoding and writing raise of a file that no `compress` wrote, in a sentence with its name."""
    try:
        yield
    except JetDataError as error:
        if str(source) in str(error) or str(target) in str(error):
            raise
        raise JetDataError(f"{source}: {error}") from error
    except (AtlasKerasError, OSError, MemoryError):
        raise
    except Exception as error:
        raise JetDataError(f"{source}: the compressed file is damaged ({reason_of(error)})") from error


def describe_file(source: str | Path) -> tuple[Summary, pa.Schema, bool]:
    """Tell what a compressed file is: summary, other columns, and whether its model is embedded.

    Raises:
        JetDataError: a damaged file.
    """
    with open_compressed(Path(source)) as file:
        return _summary(file, 0.0), file.others, file.model is not None


def find_entropy_model(file: CompressedFile, run: str | Path | EntropyModel | None) -> EntropyModel | None:
    """Find the entropy model that decodes a file: the given one, else the embedded one; None where none is needed.

    Raises:
        RunError: there is none, or another one than the file was made with.
    """
    if file.header.coding != "entropy":
        return None
    if run is not None:
        entropy_model, name = run if isinstance(run, EntropyModel) else EntropyModel.load(run), str(run)
    elif file.model is not None:
        entropy_model, name = EntropyModel.from_bytes(file.model, file.path), "the embedded model"
    else:
        raise RunError(f"{file.path}: needs the model {file.header.model}; give its run with --run")
    if entropy_model.fingerprint != file.header.model:
        name = "the given model" if isinstance(run, EntropyModel) else name
        raise RunError(
            f"{file.path}: was made with the model {file.header.model}; {name} is {entropy_model.fingerprint}"
        )
    return entropy_model


def _header(
    first: EventBatch, origin: Origin, entropy_model: EntropyModel | None, bounds: Bounds | None, coding: str
) -> Header:
    at = min(first.table.column_names.index(name) for name in FOUR_MOMENTUM.names)
    common: dict[str, Any] = {"unit": first.unit, "layout": origin.layout, "dtype": origin.dtype, "jets_at": at}
    if bounds is None:
        return Header("lossless", **common)
    if entropy_model is None:
        raise RunError("a bound needs a run, whose entropy model codes the jets; --lossless needs none")
    grid = JetQuantizer.of(bounds, entropy_model)
    common["cut"] = CUT if coding == "entropy" else 0
    return Header(coding, **common, model=entropy_model.fingerprint, bounds=bounds, grid=grid)  # type: ignore[arg-type]


def _coded_blocks(file: CompressedFile) -> Iterator[tuple[tuple, pa.Table]]:
    for own, others in file.blocks():
        n_events = others.num_rows if others.num_columns else None
        missing = None if n_events is None else missing_momentum(others, file.header.unit)
        yield (own, n_events, missing), others


def _table(others: pa.Table, counts: np.ndarray, jets: np.ndarray, header: Header) -> pa.Table:
    """Put the jets beside the other columns, where they were."""
    at, jets = header.jets_at, jets.astype(header.dtype)
    columns = {name: others[name] for name in others.column_names[:at]}
    columns |= {name: jagged(jets[:, index], counts) for index, name in enumerate(FOUR_MOMENTUM.names)}
    columns |= {name: others[name] for name in others.column_names[at:]}
    return pa.table(columns)


class _Bar:
    """Progress: jets, ratio to four float32, MB/s of those."""

    def __init__(self, name: str, progress: bool | None) -> None:
        hide = None if progress is None else not progress
        self.bar = tqdm.tqdm(unit=" jets", unit_scale=True, desc=name, disable=hide, dynamic_ncols=True)
        self.started, self.n = time.perf_counter(), 0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def update(self, n: int, file: Path) -> None:
        """Count jets, and look at the size of the compressed file."""
        self.n += n
        megabytes = self.n * FLOAT32_BITS / 8e6
        size = max(file.stat().st_size / 1e6, 1e-6)
        rate = megabytes / (time.perf_counter() - self.started)
        self.bar.set_postfix_str(f"{megabytes / size:.1f} times smaller, {rate:.0f} MB/s", refresh=False)
        self.bar.update(n)
