"""The container of a compressed file: Parquet, a row (and a row group) a block of events, every column a list.

Columns of ours are `jet_coded` (entropy); or `jet_counts`, `jet_pt`, `jet_eta`, `jet_phi` and `jet_energy`, whole
numbers, with `jet_exact` for jets that are stored as they are (parquet) or `jet_scales` (lossless). All other columns
of the input keep their types, and their names if these are none of ours. Every page has a checksum, and a digest in the
header covers the whole file, so that no damage goes unseen.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.digest import check_digest
from atlas_keras.codec.header import CODED, COLUMNS_KEY, EXACT, INTEGERS, KEY, MODEL_KEY, SCALES, Header
from atlas_keras.codec.other_columns import OtherColumns
from atlas_keras.data.look import magic_of
from atlas_keras.data.parquet_footer import Group, footer_of, read_groups
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.schema import FOUR_MOMENTUM

MAX_GROUP = 1 << 30  # bytes of a block before compression: a file that claims more is refused
MAX_MODEL = 1 << 22
THRIFT_LIMITS = {"thrift_string_size_limit": 1 << 26, "thrift_container_size_limit": 1 << 20}


def own_fields(coding: str) -> list[pa.Field]:
    """Return the columns of ours that a coding has."""
    integers = pa.int64() if coding == "lossless" else pa.int32()
    fields = [pa.field(name, pa.list_(integers)) for name in INTEGERS]
    if coding == "entropy":
        return [pa.field(CODED, pa.binary())]
    if coding == "lossless":
        return [*fields, pa.field(SCALES, pa.binary())]
    return [*fields, pa.field(EXACT, pa.binary())]


@dataclass(frozen=True)
class CompressedFile:
    """A compressed file, checked as a whole.

    Args:
        path: of the file.
        parquet: opened.
        groups: what its footer says of the blocks.
        header: of the file.
        model: the embedded entropy model, or None.
        columns: what is to be known of the other columns.
    """

    path: Path
    parquet: pq.ParquetFile
    groups: list[Group]
    header: Header
    model: bytes | None
    columns: OtherColumns

    @property
    def others(self) -> pa.Schema:
        """Names, as the input had them, and types of the other columns of an event."""
        stored = self._stored
        return pa.schema([pa.field(self.columns.renamed.get(f.name, f.name), f.type.value_type) for f in stored])

    @property
    def _stored(self) -> list[pa.Field]:
        """The other columns as they are stored."""
        own = {field.name for field in own_fields(self.header.coding)}
        return [field for field in self.parquet.schema_arrow if field.name not in own]

    def blocks(self) -> Iterator[tuple[dict[str, Any], pa.Table]]:
        """Read all blocks: our columns, and the other columns with a row an event.

        Raises:
            JetDataError: a block that cannot be.
        """
        for index in range(self.parquet.num_row_groups):
            with _arrow_errors(self.path):
                yield self._block(index)

    def _block(self, index: int) -> tuple[dict[str, Any], pa.Table]:
        table = self.parquet.read_row_group(index)
        if table.num_rows != 1:
            raise JetDataError(f"{self.path}: block {index + 1} has {table.num_rows} rows")
        own: dict[str, Any] = {}
        for field in own_fields(self.header.coding):
            scalar = table[field.name][0]
            whole = field.name in INTEGERS and scalar.is_valid
            own[field.name] = scalar.values.to_numpy(zero_copy_only=False) if whole else scalar.as_py()
        names = self.columns.renamed
        others = {names.get(field.name, field.name): table[field.name][0].values for field in self._stored}
        if any(values is None for values in others.values()) or len({len(v) for v in others.values()}) > 1:
            raise JetDataError(f"{self.path}: block {index + 1} has columns of different lengths")
        return own, pa.table(others)

    def stream_bytes(self) -> dict[str, int]:
        """Compute how many bytes of the file each column takes, compressed, and `container` for what is left.

        What is noted of the other columns, and an embedded model, have entries of their own.
        """
        sizes: dict[str, int] = {}
        names = [field.name for field, _, _ in leaves_of(self.parquet.schema_arrow)]
        for group in self.groups:
            for name, chunk in zip(names, group.chunks, strict=True):
                sizes[name] = sizes.get(name, 0) + chunk.stored
        said = (self.parquet.metadata.metadata or {}).get(COLUMNS_KEY)
        extra = {
            "description of other columns": 0 if said is None else len(COLUMNS_KEY) + len(said),
            "model": 0 if self.model is None else 4 * -(-len(self.model) // 3),
        }
        rest = self.path.stat().st_size - sum(sizes.values()) - sum(extra.values())
        return {**sizes, "container": rest, **{name: size for name, size in extra.items() if size}}


def is_compressed_jets(path: Path) -> bool:
    """Tell whether a file is a compressed one of jets, by the key of its metadata.

    Raises:
        JetDataError: no such file, or a folder.
    """
    return magic_of(path) == b"PAR1" and KEY + b"\x18" in footer_of(path)[1]


@contextlib.contextmanager
def open_compressed(path: Path) -> Iterator[CompressedFile]:
    """Open a compressed file and check all of it: digest, header, types, sizes.

    Raises:
        JetDataError: no compressed file, or a damaged one.
        OSError: no such file.
    """
    if path.exists() and not path.is_file():
        raise JetDataError(f"{path}: is no file")
    check_digest(path)
    with _arrow_errors(path):
        file = _open(path)
    with file.parquet:
        yield file


def _open(path: Path) -> CompressedFile:
    parquet = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False, **THRIFT_LIMITS)
    metadata = parquet.metadata.metadata or {}
    header = Header.from_json(metadata.get(KEY, b""), str(path))
    own, schema = {field.name: field for field in own_fields(header.coding)}, parquet.schema_arrow
    wrong = [name for name in own if name not in schema.names or schema.field(name).type != own[name].type]
    wrong += [field.name for field in schema if field.name not in own and not pa.types.is_list(field.type)]
    if wrong or len(set(schema.names)) < len(schema.names):
        raise JetDataError(f"{path}: column {[*wrong, 'of a name'][0]} is missing, doubled or of another type")
    groups = read_groups(path, sum(1 for _ in leaves_of(schema)))
    for number, group in enumerate(groups, 1):
        if group.n_rows != 1 or group.n_bytes > MAX_GROUP:
            raise JetDataError(f"{path}: block {number} claims an impossible size")
    model = metadata.get(MODEL_KEY)
    if model is not None and len(model) > MAX_MODEL:
        raise JetDataError(f"{path}: the embedded model claims an impossible size")
    columns = OtherColumns.from_json(metadata.get(COLUMNS_KEY, b""), path)
    file = CompressedFile(path, parquet, groups, header, None if model is None else _unpack_model(model, path), columns)
    names = (*file.others.names, *FOUR_MOMENTUM.names)
    unknown = {*columns.renamed, *(columns.jets or ())} - {*schema.names, *file.others.names}
    if len(set(names)) < len(names) or unknown or header.jets_at > len(file.others):
        raise JetDataError(f"{path}: what the file says of its columns is damaged")
    return file


@contextlib.contextmanager
def _arrow_errors(path: Path) -> Iterator[None]:
    """Say which file is damaged where Arrow cannot read it."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, IndexError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the file system; Arrow has no number for what is wrong with the content
        raise JetDataError(f"{path}: the compressed file is damaged ({reason_of(error)})") from error


def _unpack_model(text: bytes, path: Path) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise JetDataError(f"{path}: the embedded model is damaged") from None


def leaves_of(schema: pa.Schema) -> Iterator[tuple[pa.Field, str, pa.DataType]]:
    """Return the leaves of all columns in the order of the file: the column, the leaf's Parquet path, its type."""
    for field in schema:
        for path, kind in _leaves(field.name, field.type):
            yield field, path, kind


def _leaves(name: str, kind: pa.DataType) -> list[tuple[str, pa.DataType]]:
    """Return the Parquet paths of a column's leaves, and their types."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _leaves(f"{name}.list.element", kind.value_type)
    if pa.types.is_struct(kind):
        return [leaf for field in kind for leaf in _leaves(f"{name}.{field.name}", field.type)]
    if pa.types.is_map(kind):
        parts = (("key", kind.key_type), ("value", kind.item_type))
        return [leaf for part, type_ in parts for leaf in _leaves(f"{name}.key_value.{part}", type_)]
    return [(name, kind)]
