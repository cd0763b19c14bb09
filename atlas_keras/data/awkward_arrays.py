"""Arrow arrays as awkward arrays, with option types only where something is missing, not everywhere as Arrow has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from atlas_keras import extras

if TYPE_CHECKING:
    import awkward as ak


def to_awkward(array: pa.Array) -> ak.Array:
    """Convert an array.

    Args:
        array: of any type that Arrow has.

    Raises:
        MissingExtraError: awkward is not installed.
    """
    extras.require("awkward")
    import awkward as ak  # takes a while

    return ak.Array(_content(array))


def _content(array: pa.Array) -> ak.contents.Content:
    import awkward as ak

    kind, types = array.type, pa.types
    plain = types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)
    if array.null_count or not (plain or types.is_list(kind) or types.is_struct(kind)):
        return ak.to_layout(ak.from_arrow(array))
    if plain:
        return ak.contents.NumpyArray(array.to_numpy(zero_copy_only=False))
    if types.is_struct(kind):
        names = [kind.field(index).name for index in range(kind.num_fields)]
        return ak.contents.RecordArray([_content(part) for part in array.flatten()], names, len(array))
    offsets = np.asarray(array.offsets).astype(np.int64)
    items = array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    return ak.contents.ListOffsetArray(ak.index.Index64(offsets - offsets[0]), _content(items))
