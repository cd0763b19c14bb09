"""Whole files within bounds: where the bytes go, column by column, against Parquet of rounded values and ROOT itself.

All ways keep the same columns under the same bounds; every value of ours is compared with the source here once more.
The rival is what a careful user does today: floats rounded within the bound, each column in the best of Parquet's
encodings, zstd at level 19.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.layout import layout_of, leaves_of, take_apart
from atlas_keras.codec.columns.quantizer import kept
from atlas_keras.codec.columns.reader import open_columns
from atlas_keras.data.awkward_arrays import to_awkward
from atlas_keras.data.whole_files import open_whole
from atlas_keras.schema import Bound
from benchmarks.results import table as markdown
from benchmarks.results import write

ENCODINGS = ("dictionary", "plain", "byte-split")
SHOWN = 8  # columns of a file in the report


def rounded(values: np.ndarray, bound: Bound) -> np.ndarray:
    """Round floats within a bound: to the fewest bits of mantissa, or to multiples of a power of two."""
    if values.dtype.kind != "f" or not bound.size or values.dtype.itemsize == 2:
        return values
    size = values.dtype.itemsize
    with np.errstate(all="ignore"):
        if bound.kind == "relative":
            drop = (23 if size == 4 else 52) - max(0, int(np.ceil(-np.log2(bound.size) - 1)))
            if drop <= 0:
                return values
            bits = values.view(f"u{size}").astype(np.uint64)
            bits = (bits + np.uint64(1 << drop - 1)) & ~np.uint64((1 << drop) - 1)
            found = bits.astype(f"u{size}").view(values.dtype)
        else:
            step = 2.0 ** np.floor(np.log2(2 * bound.size))
            found = (np.rint(values.astype(np.float64) / step) * step).astype(values.dtype)
        return np.where(np.isfinite(values) & np.isfinite(found), found, values)


def rounded_array(array: pa.Array, name: str, bounds: dict[str, Bound]) -> pa.Array:
    """Round the floats of a column, also those in lists."""
    kind = array.type
    if pa.types.is_list(kind):
        mask = array.is_null() if array.null_count else None
        return pa.ListArray.from_arrays(array.offsets, rounded_array(array.values, name, bounds), mask=mask)
    if pa.types.is_floating(kind) and name in bounds and not array.null_count:
        return pa.array(rounded(array.to_numpy(zero_copy_only=False), bounds[name]))
    return array


def rounded_parquet(table: pa.Table, bounds: dict[str, Bound], folder: Path) -> tuple[dict[str, int], int]:
    """Write rounded values as Parquet: the bytes of each column without the footer, and those of the whole file."""
    rival = pa.table(
        [rounded_array(pa.concat_arrays(table[n].chunks), n, bounds) for n in table.column_names], table.column_names
    )
    tried = {how: _written(rival, {name: how for name in rival.column_names}, folder)[0] for how in ENCODINGS}
    best = {name: min(ENCODINGS, key=lambda how: tried[how][name]) for name in rival.column_names}
    return _written(rival, best, folder)


def _written(table: pa.Table, encodings: dict[str, str], folder: Path) -> tuple[dict[str, int], int]:
    leaves = list(_leaves(table.schema))
    split = [path for path, name, kind in leaves if encodings[name] == "byte-split" and _splits(kind)]
    path = folder / "rival.parquet"
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        write_statistics=False,
        store_schema=False,
        use_dictionary=[path for path, name, _ in leaves if encodings[name] == "dictionary"],
        use_byte_stream_split=split,
    )
    metadata = pq.read_metadata(path)
    names, sizes = {path: name for path, name, _ in leaves}, dict.fromkeys(table.column_names, 0)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            sizes[names[chunk.path_in_schema]] += chunk.total_compressed_size
    return sizes, path.stat().st_size


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, str, pa.DataType]]:
    def walk(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
        if pa.types.is_list(kind):
            yield from walk(f"{path}.list.element", kind.value_type)
        elif pa.types.is_struct(kind):
            for part in kind:
                yield from walk(f"{path}.{part.name}", part.type)
        else:
            yield path, kind

    for field in schema:
        for path, kind in walk(field.name, field.type):
            yield path, field.name, kind


def _splits(kind: pa.DataType) -> bool:
    return pa.types.is_float32(kind) or pa.types.is_float64(kind) or (pa.types.is_integer(kind) and kind.bit_width > 16)


def check(before: pa.Table, after: pa.Table, bounds: dict[str, Bound]) -> int:
    """Compare all values with the source, and return how many there are.

    Raises:
        AssertionError: one is outside of its bound.
    """
    n = 0
    for name in before.column_names:
        a, b = (pa.concat_arrays(t[name].chunks) for t in (before, after))
        node = layout_of(a.type, nullable=bool(a.null_count))
        for leaf, x, y in zip(leaves_of(name, node, 0), take_apart(a, node), take_apart(b, node), strict=True):
            floats = leaf.role == "values" and x.dtype.kind == "f"
            ok = kept(x, y, bounds[leaf.name]).all() if floats and len(x) == len(y) else np.array_equal(x, y)
            assert ok, f"{leaf.name} is outside of its bound"
            n += len(x)
    return n


def measure(path: Path, bounds: list[str], folder: Path) -> dict[str, Any]:
    """Compress a file in all ways."""
    target = folder / "ours.akc"
    started = time.process_time()
    summary = compress_columns(path, target, bounds, force=True)
    compressing = time.process_time() - started
    whole = open_whole(path)
    before = pa.concat_tables(list(whole.tables()))
    with open_columns(target) as file:
        started = time.process_time()
        after = file.table()
        decompressing = time.process_time() - started
        own, (head, index) = file.column_bytes(), file.other_bytes()
    n_values = check(before, after, summary.bounds)
    rival, rival_size = rounded_parquet(before, summary.bounds, folder)
    source = dict(root_bytes(path, whole.contents.name)) if whole.format == "ROOT" else {}
    known = sum(source.get(name, 0) for name in before.column_names)
    known = known if 2 * known > path.stat().st_size or whole.left_out else 0  # baskets within the tree have no size
    top = sorted(rival, key=lambda name: -rival[name])[:SHOWN]
    return {
        "file": path.name,
        "n_events": before.num_rows,
        "n_columns": before.num_columns,
        "n_values": n_values,
        "source": path.stat().st_size,
        "source_of_these_columns": known or path.stat().st_size,
        "left_out": len(whole.left_out),
        "ours": summary.size,
        "streams": sum(own.values()),
        "head": head,
        "index": index,
        "rounded_parquet": rival_size,
        "rounded_parquet_without_footer": sum(rival.values()),
        "cpu_seconds": {"compress": compressing, "decompress": decompressing},
        "columns": {name: {"ours": own[name], "rounded": rival[name], "source": source.get(name, 0)} for name in top},
        "physics": physics(before, after),
        "larger_than_rival": sum(own[name] > rival[name] + 8 for name in rival),
    }


def physics(before: pa.Table, after: pa.Table) -> dict[str, dict[str, float]]:
    """Compare what analyses look at: masses of pairs of jets and of muons, jets above cuts on b-tagging."""
    found: dict[str, dict[str, float]] = {}
    for name in ("Jet", "Muon"):
        if {f"{name}_{part}" for part in ("pt", "eta", "phi", "mass")} <= set(before.column_names):
            a, b = (pair_mass(table, name) for table in (before, after))
            if len(a):
                found[f"mass of two {name}s"] = {
                    "n": len(a),
                    "mean before": float(a.mean()),
                    "mean after": float(b.mean()),
                    "largest change": float(np.abs(b / a - 1).max()),
                }
    for name in before.column_names:
        if name.startswith("Jet_btag") and pa.types.is_list(before.schema.field(name).type):
            a, b = (ak.to_numpy(ak.flatten(column_of(table, name))) for table in (before, after))
            for cut in (0.1, 0.5):
                counts = {"n": len(a), "above before": int((a > cut).sum()), "above after": int((b > cut).sum())}
                found[f"{name} > {cut}"] = {**counts, "moved": int(((a > cut) != (b > cut)).sum())}
    return found


def pair_mass(table: pa.Table, name: str) -> np.ndarray:
    """Compute the mass of the two leading objects, of events that have two."""
    pt, eta, phi, mass = (column_of(table, f"{name}_{part}") for part in ("pt", "eta", "phi", "mass"))
    two = ak.num(pt) >= 2
    pt, eta, phi, mass = (ak.to_numpy(x[two][:, :2]).astype(np.float64) for x in (pt, eta, phi, mass))
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    parts = (energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta))
    total = [part.sum(axis=1) for part in parts]
    return np.sqrt(np.maximum(total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2, 1e-12))


def column_of(table: pa.Table, name: str) -> ak.Array:
    """Return a column as an awkward array."""
    return to_awkward(pa.concat_arrays(table[name].chunks))


def root_bytes(path: Path, tree: str) -> Iterator[tuple[str, int]]:
    """Return what the branches of a TTree take in the file, compressed."""
    import uproot

    with uproot.open(path) as file:
        branches = file[tree]
        if hasattr(branches, "branches"):
            for name, branch in branches.iteritems():
                yield name, int(branch.compressed_bytes)


def _columns(found: dict[str, Any]) -> str:
    rows = [(name, c["source"], c["rounded"], c["ours"]) for name, c in found["columns"].items()]
    return markdown(("column", "source", "rounded Parquet", "ours"), rows)


def _physics(found: dict[str, Any]) -> str:
    rows = [(what, ", ".join(f"{k} {v:.6g}" for k, v in numbers.items())) for what, numbers in found["physics"].items()]
    return f"### {found['file']}\n\n{markdown(('what', 'figures'), rows)}\n"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compress whole files within bounds, in several ways.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--bound", nargs="+", default=[], help="as of compress (default: by name and type)")
    parser.add_argument("--name", default="whole_files", help="of the report in docs/ (default: whole_files)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [measure(path, args.bound, Path(folder)) for path in args.files]
    rows = [
        (
            f["file"], f["n_events"], f["n_columns"], f"{f['source_of_these_columns']:,}",
            f"{f['rounded_parquet']:,}", f"{f['rounded_parquet_without_footer']:,}", f"{f['ours']:,}",
            f["ours"] / f["rounded_parquet"], f["ours"] / f["rounded_parquet_without_footer"],
            f["ours"] / f["source_of_these_columns"],
        )
        for f in found
    ]  # fmt: skip
    header = ("file", "events", "columns", "source", "rounded Parquet", "without footer", "ours", "of rounded Parquet",
              "of it without footer", "of the source")  # fmt: skip
    parts = [f"### {f['file']}\n\n{_columns(f)}\n" for f in found]
    bounds = " ".join(args.bound) or "the usual ones, by name and type"
    body = f"""
Bounds: {bounds}. Bytes of whole files, ours with all that is learned, embedded; of a ROOT file those of the branches
that are compressed, where ROOT tells (else of the file; `left_out` in the JSON counts branches that
uproot cannot read). Every value was compared with the source once more.

{markdown(header, rows)}

## What an analysis sees

{chr(10).join(_physics(f) for f in found if f["physics"])}

## The largest columns

{chr(10).join(parts)}
"""
    command = f"python -m benchmarks.whole_files FILE...{' --bound ' + bounds if args.bound else ''}"
    packages = ["numpy", "pyarrow", "numba", "uproot"]
    write(args.name, "Whole files within bounds", command, body, {"files": found}, packages)


if __name__ == "__main__":
    main()
