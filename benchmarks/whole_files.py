"""Whole files within bounds: where the bytes go, column by column, against Parquet of rounded values and ROOT itself.

All ways keep the same columns of the largest tree under the same bounds; every value of ours is compared with the
source here once more. The main rival is what a careful user does today: floats rounded within the bound, each column in
the best of Parquet's encodings, zstd at level 19.
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

from atlas_keras.codec.columns.blocks import LEARNED
from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.layout import layout_of, leaves_of, take_apart
from atlas_keras.codec.columns.quantizer import kept
from atlas_keras.codec.columns.reader import CompressedColumns, open_columns
from atlas_keras.data.awkward_arrays import to_awkward
from atlas_keras.data.contents import TreeContents
from atlas_keras.data.whole_files import WholeTree, open_whole
from atlas_keras.schema import Bound
from benchmarks.column_rivals import byte_split, rntuple_like, rounded_parquet
from benchmarks.results import DOCS, write
from benchmarks.results import table as markdown
from benchmarks.whole_files_picture import plot_collections, plot_files

SHOWN = 8  # columns of a file in the report
WORST = 2  # cuts of b-tagging in the report
BOA = """
For context: [BOA Constrictor](https://arxiv.org/abs/2511.11337), a network that predicts byte after byte, reports 2.21
times fewer bytes on ATLAS data where LZMA-9 has 1.69, and 44.14 on CMS data where that has 27.14, with a model of
4.5 MB; of other files than these, so that nothing follows from a comparison.
"""
TRIGGERS = ("HLT_", "L1_", "DST_", "AlCa_")


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
    """Compress the largest tree of a file in all ways."""
    target = folder / "ours.akc"
    whole = open_whole(path).trees[0]
    tree = whole.contents.name or None
    started = time.process_time()
    summary = compress_columns(path, target, bounds, tree=tree, force=True)
    compressing = time.process_time() - started
    with open_columns(target) as file:
        started = time.process_time()
        after = file.table()
        decompressing = time.process_time() - started
        own, (head, index), n_blocks = file.column_bytes(), file.other_bytes(), len(file.head.blocks)
        ways = ways_of(file)
    before = pa.concat_tables(whole.tables(list(own)))
    n_values = check(before, after, summary.bounds)
    rival, rival_size = rounded_parquet(before, summary.bounds, folder)
    split, rntuple = byte_split(before, summary.bounds), rntuple_like(before, summary.bounds)
    source = dict(root_bytes(path, whole.contents)) if whole.format == "ROOT" else {}
    known = sum(source.get(name, 0) for name in before.column_names)
    known = known if 2 * known > path.stat().st_size or whole.left_out else 0  # baskets within the tree have no size
    top = sorted(rival, key=lambda name: -rival[name])[:SHOWN]
    larger = {name: own[name] - rival[name] for name in rival if own[name] > rival[name] + 8 * n_blocks}
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
        "byte_split_zstd": sum(split.values()),
        "rntuple_like": sum(rntuple.values()),
        "larger_than_rounded_parquet": larger,
        "cpu_seconds": {"compress": compressing, "decompress": decompressing},
        "columns": {
            name: {
                "ours": own[name],
                "rounded": rival[name],
                "byte_split": split[name],
                "rntuple": rntuple[name],
                "source": source.get(name, 0),
                "way": ways[name],
            }
            for name in top
        },
        "collections": by_collection(whole, {"source": source, "rounded": rival, "ours": own}),
        "physics": physics(before, after),
    }


def ways_of(file: CompressedColumns) -> dict[str, str]:
    """Return how the values of each column are coded in the first block: the kind of their grid, and of the stream."""
    found = {}
    for plan, stream in zip(file.head.plans, next(file.streams()), strict=True):
        how = "nothing" if not stream else "learned" if stream[0] % 4 == LEARNED else "packed"
        found[plan.leaf.column] = f"{plan.quantizer.kind}, {how}"  # of its last leaf, which has the values
    return found


def by_collection(whole: WholeTree, ways: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Add up the bytes of columns by collection; triggers, and other columns of events, are one each."""
    groups = {source: g.collection.name for g in whole.contents.groups for source in g.sources.values()}
    found: dict[str, dict[str, int]] = {}
    for way, sizes in ways.items():
        for name, size in sizes.items():
            own = groups.get(name) or ("triggers" if name.startswith(TRIGGERS) else "events")
            part = found.setdefault(own, dict.fromkeys(ways, 0))
            part[way] += size
    return found


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
                    "in another bin of 5 %": int((mass_bin(a) != mass_bin(b)).sum()),
                }
    tags = {}
    for name in before.column_names:
        if name.startswith("Jet_btag") and pa.types.is_list(before.schema.field(name).type):
            a, b = (ak.to_numpy(ak.flatten(column_of(table, name))) for table in (before, after))
            for cut in (0.1, 0.5):
                counts = {"n": len(a), "above before": int((a > cut).sum()), "above after": int((b > cut).sum())}
                tags[f"{name} > {cut}"] = {**counts, "moved": int(((a > cut) != (b > cut)).sum())}
    worst = sorted(tags, key=lambda name: -tags[name]["moved"])[:WORST]
    return {**found, **{f"{name}, worst of {len(tags)} cuts": tags[name] for name in worst}}


def pair_mass(table: pa.Table, name: str) -> np.ndarray:
    """Compute the mass of the two leading objects, of events that have two."""
    pt, eta, phi, mass = (column_of(table, f"{name}_{part}") for part in ("pt", "eta", "phi", "mass"))
    two = ak.num(pt) >= 2
    pt, eta, phi, mass = (ak.to_numpy(x[two][:, :2]).astype(np.float64) for x in (pt, eta, phi, mass))
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    parts = (energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta))
    total = [part.sum(axis=1) for part in parts]
    return np.sqrt(np.maximum(total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2, 1e-12))


def mass_bin(mass: np.ndarray) -> np.ndarray:
    """Return the bins of a spectrum of masses, each 5 % wide."""
    return np.floor(np.log(mass) / np.log(1.05))


def column_of(table: pa.Table, name: str) -> ak.Array:
    """Return a column as an awkward array."""
    return to_awkward(pa.concat_arrays(table[name].chunks))


def root_bytes(path: Path, contents: TreeContents) -> Iterator[tuple[str, int]]:
    """Return what the branches of a TTree take in the file, compressed, or the columns of an RNTuple."""
    import uproot

    with uproot.open(path) as file:
        branches = file[contents.name]
        if hasattr(branches, "branches"):
            for name, branch in branches.iteritems():
                yield name, int(branch.compressed_bytes)
            return
    for group in (*contents.groups, *filter(None, [contents.events])):
        for name, n_bytes in group.n_bytes.items():
            yield group.sources[name], n_bytes


def _columns(found: dict[str, Any]) -> str:
    keys = ("source", "rntuple", "byte_split", "rounded", "ours", "way")
    rows = [(name, *(c[key] or "-" for key in keys)) for name, c in found["columns"].items()]
    header = ("column", "source", "as RNTuple", "byte-split zstd-19", "rounded Parquet", "ours", "coded as")
    return markdown(header, rows)


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
        report([measure(path, args.bound, Path(folder)) for path in args.files], args.bound, args.name)


def report(found: list[dict[str, Any]], asked: list[str], name: str) -> None:
    """Write what was measured to `docs/`.

    Args:
        found: of each file, as `measure` gives it.
        asked: bounds, as of compress; none are the usual ones.
        name: of the report.
    """
    sizes = ("source_of_these_columns", "rntuple_like", "byte_split_zstd", "rounded_parquet",
             "rounded_parquet_without_footer", "ours")  # fmt: skip
    rows = [
        (f["file"], f["n_events"], f["n_columns"], *(f"{f[size]:,}" for size in sizes),
         *(f["ours"] / f[size] for size in ("rounded_parquet", "rounded_parquet_without_footer",
                                            "source_of_these_columns")))
        for f in found
    ]  # fmt: skip
    header = ("file", "events", "columns", "source", "as RNTuple", "byte-split zstd-19", "rounded Parquet",
              "without footer", "ours", "of rounded Parquet", "of it without footer", "of the source")  # fmt: skip
    parts = [f"### {f['file']}\n\n{_columns(f)}\n" for f in found]
    bounds = " ".join(asked) or "the usual ones, by name and type"
    larger = ", ".join(f"{n} ({more} bytes)" for f in found for n, more in f["larger_than_rounded_parquet"].items())
    larger = larger or "none"
    names = [name, f"{name}_collections"]
    picture = "" if asked else "".join(f"\n![Bytes before and after]({one}.png)\n" for one in names)
    body = f"""
Bounds: {bounds}. Bytes of whole files, ours with all that is learned, embedded; of a ROOT file those of the branches
that are compressed, where ROOT tells (else of the file; `left_out` in the JSON counts branches that
uproot cannot read). *As RNTuple* and *byte-split zstd-19* are the bytes of the columns alone, without what tells
where they are, lengths of lists once: floats in as few bits as their bound allows (RNTuple's Real32Trunc and
Real32Quant) with zstd at ROOT's usual level 5, and rounded floats, first all first bytes, with zstd-19. Every value was
compared with the source once more. Columns larger than in rounded Parquet by more than 8 bytes a block: {larger}.
{picture}
{markdown(header, rows)}
{BOA if asked == ["*=exact"] else ""}
## What an analysis sees

{chr(10).join(_physics(f) for f in found if f["physics"])}

## The largest columns

{chr(10).join(parts)}
"""
    if not asked:
        for one, figure in zip(names, (plot_files(found), plot_collections(found[0])), strict=True):
            figure.savefig(DOCS / f"{one}.png", dpi=110)
    command = f"python -m benchmarks.whole_files FILE...{' --bound ' + bounds if asked else ''}"
    packages = ["numpy", "pyarrow", "numba", "uproot"]
    assert asked or larger == "none", f"larger than rounded Parquet: {larger}"
    write(name, "Whole files within bounds", command, body, {"files": found}, packages)


if __name__ == "__main__":
    main()
