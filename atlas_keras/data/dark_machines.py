"""Read the Dark Machines text format: `event; process; weight; MET; METphi; obj,E,pt,eta,phi; ...`, energies in MeV.

The format is described in T. Aarrestad et al., "The Dark Machines Anomaly Score Challenge" (arXiv:2105.14027). Parsing
is done by Arrow's string kernels on blocks of whole lines; there is no Python loop over lines or objects.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlas_keras.data.events import EventBatch, InvalidPolicy, jagged
from atlas_keras.data.file_format import open_unpacked
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.schema import FOUR_MOMENTUM, Collection

HEADER = ("event_id", "process_id", "weight", "MET", "METphi")
OBJECT = ("object", "E", "pt", "eta", "phi")
BLOCK_BYTES = 4 << 20
LINE_BYTES_MAX = 16 << 20  # some 300,000 objects: parsing takes thirty times the memory, and a hostile line any amount
NEWLINE, RETURN, DELETE, SPACE = 10, 13, 127, 32
BOM, UTF_16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
OBJECT_ID = r"^[!-~]+$"  # printable, without spaces: `j` with anything beside it would be another object


def read_dark_machines(
    path: Path, objects: tuple[str, ...], policy: InvalidPolicy, collection: Collection = FOUR_MOMENTUM
) -> Iterator[EventBatch]:
    """Read events from a Dark Machines file, plain or gzip, in blocks of about 4 MB.

    The tables have the columns `event_id`, `process_id`, `weight`, `MET`, `METphi`; `E`, `pt`, `eta`, `phi` of the
    jets; `object` (their ids) and `position` (their places among all objects of the event); `other_objects` (the
    remaining objects as they are written). Energies are in MeV.

    Args:
        path: of the file.
        objects: ids of the objects that count as jets.
        policy: what happens to bad input.
        collection: which of E, pt, eta and phi are read.

    Raises:
        JetDataError: a column that the format does not have, a malformed line, no number, a truncated file.
    """
    if unknown := [name for name in collection.names if name not in OBJECT[1:]]:
        raise JetDataError(f"{path}: column {unknown[0]} is missing: the text format has {', '.join(OBJECT[1:])} alone")
    first = 1
    try:
        with open_unpacked(path) as stream:
            for block in _blocks(stream, path):
                lines, n_lines = _lines(block, first, path, policy)
                yield replace(_parse(lines, objects), collection=collection)
                first += n_lines
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise JetDataError(
            f"{path}: the gzip data ends early or is damaged after line {first - 1} ({reason_of(error)})"
        ) from error
    except pa.ArrowInvalid as error:
        raise JetDataError(f"{path}: no text in UTF-8 after line {first - 1} ({reason_of(error)})") from error


def _blocks(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Cut a stream into blocks of whole lines; the last line may lack its newline, but not its semicolon as well."""
    rest = b""
    start = stream.read(len(BOM))
    if start.startswith(UTF_16):
        raise JetDataError(f"{path}: is text in UTF-16; save it as UTF-8")
    while chunk := start.removeprefix(BOM) + stream.read(BLOCK_BYTES):
        start = b""
        whole, newline, tail = (rest + chunk).rpartition(b"\n")
        if newline:
            yield whole + newline
        rest = tail
        if len(rest) > LINE_BYTES_MAX:
            raise JetDataError(
                f"{path}: a line is longer than {LINE_BYTES_MAX >> 20} MB; is this a Dark Machines file?"
            )
    if rest.strip():
        if not rest.rstrip().endswith(b";"):
            raise JetDataError(f"{path}: the last line ends in the middle ({rest[-30:]!r}); the file is truncated")
        yield rest + b"\n"


def _lines(block: bytes, first: int, path: Path, policy: InvalidPolicy) -> tuple[_Lines, int]:
    """Cut a block into the lines that hold anything; blank ones, be they millions, are only counted.

    Args:
        block: whole lines.
        first: number of the first one.
        path: of the file.
        policy: what happens to lines with control characters.

    Returns:
        The lines without the semicolon at their end, and how many lines there are with the blank ones.
    """
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == NEWLINE)
    starts = np.append(0, ends[:-1] + 1)
    size = ends - starts
    filled = (size > 1) | ((size == 1) & (data[starts] != RETURN))
    ends_line = np.append(data[1:] == NEWLINE, True)
    control = ((data < SPACE) & (data != NEWLINE) & ~((data == RETURN) & ends_line)) | (data == DELETE)
    if control.any():
        bad = np.zeros(len(ends), bool)
        bad[np.searchsorted(ends, np.flatnonzero(control))] = True
        _report_lines(bad, np.arange(first, first + len(ends)), path, "holds a control character", policy)
        filled &= ~bad
    if not filled.all():
        places = zip(starts[filled].tolist(), ends[filled].tolist(), strict=True)
        block = b"".join([block[start : end + 1] for start, end in places])
    lines = pc.split_pattern(pa.array([block], pa.large_binary()).cast(pa.large_string()), "\n").flatten()
    numbers = first + np.flatnonzero(filled)
    lines = pc.replace_substring_regex(pc.utf8_trim_whitespace(lines[: len(numbers)]), pattern=";$", replacement="")
    filled = pc.not_equal(lines, "")
    return _Lines(lines.filter(filled), numbers[filled.to_numpy(zero_copy_only=False)], path, policy), len(ends)


@dataclass
class _Lines:
    """Lines of events, which of them are bad, and what happens to those."""

    text: pa.Array
    numbers: NDArray[np.int64]
    path: Path
    policy: InvalidPolicy

    def __post_init__(self) -> None:
        self.bad = np.zeros(len(self.text), bool)

    def refuse(self, which: NDArray, reason: str) -> None:
        """Report lines, by a mask or by their indices; each line is reported once."""
        new = np.zeros_like(self.bad)
        new[which] = True
        new &= ~self.bad
        self.bad |= new
        _report_lines(new, self.numbers, self.path, reason, self.policy)

    def refuse_first(self, which: NDArray, texts: pa.Array, wrong: NDArray[np.bool_], reason: str) -> None:
        """Report lines if some of the texts are wrong, the first of which is shown in the reason."""
        if wrong.any():
            self.refuse(which, reason.format(_shown(texts[int(np.argmax(wrong))].as_py())))

    def good(self) -> _Lines:
        """Return the lines that are not bad."""
        return _Lines(self.text.filter(pa.array(~self.bad)), self.numbers[~self.bad], self.path, self.policy)


def _parse(lines: _Lines, ids: tuple[str, ...]) -> EventBatch:
    """Parse whole lines into a table of events; where some are bad, the others are parsed anew."""
    fields = pc.split_pattern(lines.text, ";")
    n_objects = pc.list_value_length(fields).to_numpy().astype(np.int64) - len(HEADER)
    lines.refuse(n_objects < 0, f"fewer than {len(HEADER)} fields before the objects")
    if lines.bad.any():
        return _parse(lines.good(), ids)
    event = np.repeat(np.arange(len(n_objects)), n_objects)
    written = _objects(fields, n_objects)
    parts = pc.split_pattern(written, ",")
    short = pc.list_value_length(parts).to_numpy() != len(OBJECT)
    lines.refuse_first(event[short], written, short, f"an object needs {','.join(OBJECT)} and is {{}}")
    if lines.bad.any():
        return _parse(lines.good(), ids)
    values = parts.flatten()
    kinds, *columns = (values.take(pa.array(np.arange(k, len(values), len(OBJECT)))) for k in range(len(OBJECT)))
    strange = _no_ids(kinds)
    lines.refuse_first(event[strange], kinds, strange, "{} is no id of an object")
    if lines.bad.any():
        return _parse(lines.good(), ids)
    is_jet = pc.is_in(kinds, value_set=pa.array(sorted(ids), pa.large_string())).to_numpy(zero_copy_only=False)
    jets = {}
    for name, column in zip(OBJECT[1:], columns, strict=True):
        jets[name] = _numbers(column.filter(pa.array(is_jet)), event[is_jet], name, lines)
    head = {name: pc.list_element(fields, k) for k, name in enumerate(HEADER)}
    for name in HEADER[2:]:
        head[name] = _numbers(head[name], np.arange(len(n_objects)), name, lines)
    if lines.bad.any():
        return _parse(lines.good(), ids)
    n_jets = np.bincount(event[is_jet], minlength=len(n_objects))
    position = np.arange(len(event)) - (np.cumsum(n_objects) - n_objects)[event]
    table = pa.table(
        {
            **{name: column.cast(pa.string()) if name in HEADER[:2] else column for name, column in head.items()},
            **{name: jagged(column, n_jets) for name, column in jets.items()},
            "object": jagged(kinds.filter(pa.array(is_jet)).cast(pa.string()), n_jets),
            "position": jagged(position[is_jet].astype(np.int32), n_jets),
            "other_objects": jagged(written.filter(pa.array(~is_jet)).cast(pa.string()), n_objects - n_jets),
        }
    )
    named = (*OBJECT[1:], "object", "position")
    return EventBatch(table, FOUR_MOMENTUM, named, "MeV", lines.path, "line", lines.numbers)


def _objects(fields: pa.Array, n_objects: NDArray[np.int64]) -> pa.Array:
    """Return the fields behind the head of each line, one object each."""
    sizes = n_objects + len(HEADER)
    place = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return pc.list_flatten(fields).filter(pa.array(place >= len(HEADER)))


def _no_ids(kinds: pa.Array) -> NDArray[np.bool_]:
    """Tell which objects have something else than an id in front."""
    coded = kinds.dictionary_encode()
    strange = pc.invert(pc.match_substring_regex(coded.dictionary, OBJECT_ID)).to_numpy(zero_copy_only=False)
    return strange[coded.indices.to_numpy()]


def _shown(text: str) -> str:
    """Quote what a file holds, at most 60 characters of it."""
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}..."


def _numbers(strings: pa.Array, event: NDArray[np.int64], name: str, lines: _Lines) -> NDArray[np.float64]:
    """Parse the floats of a column; what is no number is refused (NaN and infinity are, and are refused elsewhere)."""
    try:
        return strings.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        import pandas as pd  # takes a while to import, and files without mistakes do not need it

        text = pd.Series(strings.to_pylist(), dtype=object)
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
        wrong = np.isnan(values) & (text.str.strip().str.lower() != "nan").to_numpy()
        lines.refuse_first(event[wrong], strings, wrong, f"column {name}: {{}} is no number")
        return values


def _report_lines(
    bad: NDArray[np.bool_], numbers: NDArray[np.int64], path: Path, reason: str, policy: InvalidPolicy
) -> None:
    if bad.any():
        policy.report(f"{path}: line {numbers[int(np.argmax(bad))]}: {reason}", n_events=int(bad.sum()))
