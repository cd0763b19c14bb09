"""`python -m atlas_keras.info`: what any file holds; and of a compressed one, where its bits go."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_keras import info_text
from atlas_keras.command import FAILED, add_any_size, add_scheduler, run_command
from atlas_keras.errors import ConfigError

if TYPE_CHECKING:
    from atlas_keras.data.contents import Group
    from atlas_keras.data.look import Values
    from atlas_keras.schema import Schema

DESCRIPTION = "Tell what a file holds: trees, collections, columns, or bounds and sizes of a compressed file."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="file of any format, or its URL, or one of compress; several, a folder or a pattern are told of in turn",
    )
    parser.add_argument("--tree", metavar="NAME", help="tree of a ROOT file (default: all)")
    parser.add_argument("--collection", metavar="NAME", help="tell of this collection alone, with its values")
    parser.add_argument("--values", action="store_true", help="look at the values of all columns, however many")
    parser.add_argument(
        "--schema", metavar="OUT.toml", type=Path, help="write the schema, with the bound of every column, to change it"
    )
    parser.add_argument("--check", action="store_true", help="decode all of a compressed file, and compare its digest")
    parser.add_argument("--source-unit", choices=("MeV", "GeV"), help="unit of a file that does not state it")
    parser.add_argument("--force", action="store_true", help="replace a schema file that exists")
    parser.add_argument("--json", action="store_true", help="print as JSON, of several files a line each")
    add_scheduler(parser)
    add_any_size(parser)


def describe_compressed(path: Path) -> dict[str, Any]:
    """Return all that a compressed file says of itself, as JSON can hold it.

    Raises:
        JetDataError: a damaged file.
    """
    from atlas_keras.codec.files import describe_file

    summary, others, embedded = describe_file(path)
    header = summary.header
    n = max(header.n_jets, 1)
    return {
        "format_version": header.version,
        "coding": header.coding,
        "schema": "four_momentum",
        "unit": header.unit,
        "bounds": header.bounds.to_dict() if header.bounds else None,
        "input_precision": header.precision or None,
        "dtype": header.dtype,
        "model": header.model or None,
        "model_embedded": embedded,
        "n_events": header.n_events,
        "n_jets": header.n_jets,
        "n_jets_stored_as_they_are": header.n_exact,
        "digest": header.digest,
        "bytes": summary.size,
        "bits_per_jet": summary.bits_per_jet,
        "bits_per_jet_by_stream": {name: 8 * size / n for name, size in summary.bytes_by_stream.items()},
        "other_columns": {field.name: str(field.type) for field in others},
    }


def describe(
    path: str | Path,
    tree: str | None = None,
    collection: str | None = None,
    *,
    values: bool = False,
    any_size: bool = False,
) -> dict[str, Any]:
    """Return what a file holds, as JSON can hold it.

    Args:
        path: of the file.
        tree: name of a tree; None means all.
        collection: name of one, `events` for the columns of the events; None means all.
        values: look at the values of all columns, and not only where they are few.
        any_size: look at a Parquet file whatever it unfolds to.

    Returns:
        `format`, `bytes` and `trees`: of each `name`, `kind`, `n_events`, `unit`, `n_columns`, `collections` with
        `name`, `counter`, `n_bytes` and `columns`, and `leftovers`. Of a compressed file what `describe_compressed`
        returns.

    Raises:
        JetDataError: no such file, tree or collection, or a damaged file.
    """
    from atlas_keras.codec.columns import opening
    from atlas_keras.codec.container import is_compressed_jets
    from atlas_keras.data.infer_schema import chosen_groups, nothing
    from atlas_keras.data.look import EVENTS, look_at, read_contents
    from atlas_keras.data.paths import find_file

    path = find_file(path)
    if is_compressed_jets(path):
        return describe_compressed(path)
    if opening.is_compressed(path):
        with opening.open_compressed(path) as file:
            return file.describe()
    contents, size = read_contents(path, tree), path.stat().st_size
    trees = []
    for one in contents.trees:
        groups = chosen_groups(one, collection)
        if collection is not None and not groups:
            continue
        n_columns = sum(len(group.collection) for group in groups)
        looked = values or collection is not None or n_columns <= info_text.MANY_COLUMNS
        # A column of each tells how many objects there are; all columns of thousands would take long.
        seen = look_at(path, one, groups if looked else tuple(map(_first_column, groups)), any_size=any_size)
        trees.append(
            {
                "name": one.name,
                "kind": one.kind,
                "n_events": one.n_events,
                "n_looked_at": min(one.n_events, EVENTS),
                "n_row_groups": one.n_row_groups,
                "unit": one.unit,
                "n_columns": n_columns,
                "collections": [_collection(group, one.unit, seen, looked=looked) for group in groups],
                "leftovers": [] if collection else [dataclasses.asdict(item) for item in one.leftovers],
            }
        )
    if not trees:
        raise nothing(path, contents.trees, collection)
    return {"format": contents.format, "bytes": size, "trees": trees}


def _first_column(group: Group) -> Group:
    first = dataclasses.replace(group.collection, columns=group.collection.columns[:1])
    return dataclasses.replace(group, collection=first)


def _collection(group: Group, unit: str | None, seen: Mapping[str, Values], *, looked: bool) -> dict[str, Any]:
    columns = []
    numbers = [found.n for source in group.sources.values() if (found := seen.get(source)) is not None]
    for column in group.collection:
        values = seen.get(group.sources[column.name]) if looked else None
        columns.append(
            {
                "name": column.name,
                "source": group.sources[column.name],
                "dtype": column.dtype,
                "quantity": column.quantity,
                "unit": column.unit(unit or "?"),
                "bound": str(column.bound or column.usual_bound),
                "n_bytes": group.n_bytes.get(column.name, 0),
                "values": None if values is None else dataclasses.asdict(values),
            }
        )
    collection = group.collection
    return {
        "name": collection.name,
        "counter": collection.counter,
        "n_objects": numbers[0] if numbers else None,
        "n_bytes": sum(group.n_bytes.values()),
        "columns": columns,
    }


def _schema(args: argparse.Namespace) -> Schema:
    """Infer the schema that is to be written."""
    from atlas_keras.codec.columns.opening import is_compressed
    from atlas_keras.codec.container import is_compressed_jets
    from atlas_keras.data.infer_schema import infer_schema
    from atlas_keras.data.paths import find_file

    path = find_file(args.files[0])
    if is_compressed_jets(path) or is_compressed(path):
        raise ConfigError(f"{path}: a compressed file states its bounds itself; leave out --schema")
    return infer_schema(path, collection=args.collection, tree=args.tree, source_unit=args.source_unit)


def run(args: argparse.Namespace) -> int:
    """Print the description, and write the schema where it is asked for."""
    from atlas_keras.data.files import is_several

    if len(args.files) > 1 or args.scheduler != "loop" or is_several(args.files[0]):
        return _run_many(args)
    (file,) = args.files
    found = describe(file, args.tree, args.collection, values=args.values, any_size=args.any_size)
    if args.check:
        _check(file, found)
    print(json.dumps(found, indent=2) if args.json else info_text.text_of(found))
    if args.schema is not None:
        from atlas_keras.schema_files import write_schema

        write_schema(_schema(args), args.schema, force=args.force)
        print(f"schema: {args.schema}", file=sys.stderr if args.json else sys.stdout)
    return 0


def _run_many(args: argparse.Namespace) -> int:
    """Print the descriptions of many files in order; one that is bad is told, and does not stop the others."""
    from atlas_keras.distributed.folders import find_inputs
    from atlas_keras.distributed.scheduling import in_order, naming, workers
    from atlas_keras.info import describe_task  # of this name: with `python -m` this module is `__main__` on no worker

    if args.schema is not None:
        raise ConfigError("--schema is of one file")
    files = find_inputs(args.files, compressed=args.check)
    how = {"tree": args.tree, "collection": args.collection, "values": args.values, "any_size": args.any_size}
    tasks = [{"file": file, "check": args.check, "how": how} for file in files]
    failed = 0
    with workers(args.scheduler) as at_work:
        for index, outcome in in_order(at_work.run(describe_task, tasks)):
            if outcome.error:
                failed += 1
                print(f"failed: {naming(files[index], outcome.error)}", file=sys.stderr)
            elif args.json:
                print(json.dumps({"file": files[index], **outcome.value}))
            else:
                print(f"{files[index]}: {info_text.text_of(outcome.value)}\n")
    return FAILED if failed else 0


def describe_task(task: Mapping[str, Any], luggage: Path) -> dict[str, Any]:
    """Describe one file of many.

    Args:
        task: `file`, `check`, and `how`, further arguments of `describe`.
        luggage: folder of files, of which none is needed.
    """
    found = describe(task["file"], **task["how"])
    if task["check"]:
        _check(task["file"], found)
    return found


def _check(path: Path, found: Mapping[str, Any]) -> None:
    """Check a compressed file as a whole; of one of jets, the digest has been compared already."""
    if "trees" in found:
        raise ConfigError(f"{path}: is no compressed file, and has nothing to be checked against")
    if "columns" in found:
        from atlas_keras.codec.columns.opening import open_compressed

        with open_compressed(path) as file:
            file.check()
    print(f"{path}: whole", file=sys.stderr)


main = functools.partial(run_command, "info", DESCRIPTION, add_arguments, run)

if __name__ == "__main__":
    sys.exit(main())
