"""What a compressed file keeps of the form of its source: layout, type of the numbers, and whether E was its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.data.arrow_types import plain_schema
from atlas_keras.data.events import stored_columns
from atlas_keras.data.readers import find_files
from atlas_keras.data.remote import opened
from atlas_keras.data.table_jets import is_nested
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.schema import FOUR_MOMENTUM

log = logging.getLogger(__name__)

JETS_ALONE = (
    "%s: the jets are kept, and what --columns names; IN OUT without RUN or --lossless keeps all columns, and "
    "--bound '*=exact' keeps them bit for bit"
)


@dataclass(frozen=True)
class Origin:
    """The form of a source file.

    Args:
        path: of the file.
        layout: `jets` for a Parquet file with a row a jet, else `events`.
        dtype: `float32` for a Parquet file whose E, pt, eta and phi all are, else `float64`.
        stores_energy: whether E is stored; where it is computed from a stored mass, the mass follows from it.
    """

    path: Path
    layout: Literal["events", "jets"] = "events"
    dtype: Literal["float64", "float32"] = "float64"
    stores_energy: bool = True

    @classmethod
    def of(cls, source: str | Path) -> Origin:
        """Look at a file.

        Raises:
            JetDataError: no file, or more than one, or a Parquet file without jets.
        """
        found = find_files(source)
        if len(found) > 1:
            raise JetDataError(f"{source}: names {len(found)} files; compress them one by one")
        path = found[0]
        with path.open("rb") as stream:
            magic = stream.read(4)
        if magic == b"root":
            log.warning(JETS_ALONE, path)
        if magic != b"PAR1":
            return cls(path, stores_energy=magic != b"root")
        try:
            with opened(path) as file:
                schema = plain_schema(pq.read_schema(file))
        except (pa.ArrowException, OSError) as error:
            raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error
        if not set(stored_columns(FOUR_MOMENTUM, schema.names)) <= set(schema.names):
            # As NanoAOD has them, `Jet_pt`: a collection, as in ROOT files, whose other columns have to be named.
            log.warning(JETS_ALONE, path)
            return cls(path, stores_energy=False)
        nested = is_nested(schema, path, FOUR_MOMENTUM)
        kinds = [schema.field(name).type for name in FOUR_MOMENTUM.names if name in schema.names]
        single = len(kinds) == 4 and all((k.value_type if nested else k) == pa.float32() for k in kinds)
        return cls(path, "events" if nested else "jets", "float32" if single else "float64", "E" in schema.names)
