"""Infer the schema of a file: its collections and columns, what they measure by their names, and their bounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from atlas_keras.data.contents import Group, TreeContents
from atlas_keras.data.find_collection import find_collection, why_not
from atlas_keras.data.look import read_contents
from atlas_keras.data.paths import find_file
from atlas_keras.errors import ConfigError, JetDataError
from atlas_keras.schema import Column, Schema


def infer_schema(
    path: str | Path, *, collection: str | None = None, tree: str | None = None, source_unit: str | None = None
) -> Schema:
    """Infer the schema of a file by the names and types of its columns, with the bound of every column spelled out.

    It is what `atlas-keras info --schema` writes; `atlas_keras.schema_files.write_schema` writes it as TOML.

    Args:
        path: of the file, or its URL.
        collection: name of one, or `events` for none; None means all. The columns of the events are there anyway.
        tree: name of a tree; None takes the one with most columns.
        source_unit: of energies, `MeV` or `GeV`, where the file does not state it.

    Raises:
        ConfigError: nobody has said the unit.
        JetDataError: no such file, tree or collection, or a damaged file.

    Example:
        >>> import atlas_keras
        >>> schema = atlas_keras.infer_schema("sample:substructure")
        >>> schema.unit, schema.collections[0].name
        ('GeV', 'Jet')
    """
    path = find_file(path)
    one, groups = chosen_tree(path, read_contents(path, tree).trees, collection)
    wanted = tuple(group.collection for group in groups if group is not one.events)
    columns = (*(column for part in wanted for column in part), *one.event_columns)
    unit = one.unit_of(path, source_unit)
    if unit is None and any(column.is_energy for column in columns):
        raise ConfigError(f"{path}: does not state the unit of its energies; say --source-unit")
    collections = tuple(replace(part, columns=_bounded(part.columns)) for part in wanted)
    return Schema(collections, _bounded(one.event_columns), unit or "MeV")


def chosen_groups(tree: TreeContents, collection: str | None) -> tuple[Group, ...]:
    """Return the collections of a tree, its columns of the events as the last one, or those of one name."""
    if collection is None:
        return tree.all_groups
    exact, alike = ([g for g in tree.groups if f(g.collection.name) == f(collection)] for f in (str, str.lower))
    return tuple(exact or alike or [group for _, group in find_collection([tree], collection)])


def chosen_tree(
    path: Path, trees: tuple[TreeContents, ...], collection: str | None
) -> tuple[TreeContents, tuple[Group, ...]]:
    """Return the largest tree that has a collection, and its collections of that name.

    Raises:
        JetDataError: none has it, or there are no trees at all.
    """
    found = [(tree, groups) for tree in trees if (groups := chosen_groups(tree, collection))]
    if not found:
        raise nothing(path, trees, collection)
    return max(found, key=lambda one: sum(len(g.collection) for g in one[0].groups) + len(one[0].event_columns))


def nothing(path: Path, trees: tuple[TreeContents, ...], collection: str | None) -> JetDataError:
    """Return the error of a file without trees, or without a collection in any of them."""
    if collection is None or not trees:
        return JetDataError(f"{path}: has no trees of events")
    return JetDataError(f"{path}: {why_not(trees, collection)}")


def _bounded(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(replace(column, bound=column.bound or column.usual_bound) for column in columns)
