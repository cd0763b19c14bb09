"""Find a collection in the trees of a file: by its name, or the jets, where nobody has named one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from atlas_keras.data.contents import DEFAULT, JETS, Group, TreeContents
from atlas_keras.data.events import stored_columns
from atlas_keras.errors import JetDataError
from atlas_keras.schema import EVENTS, FOUR_MOMENTUM, Collection
from atlas_keras.suggestions import few, suggest

Found = list[tuple[TreeContents, Group]]

JET = re.compile(r"jet|(?:anti_?k|ak)_?t?_?\d", re.IGNORECASE)
# Jets that nobody means who says "the jets": of generators, with a large radius, parts of jets, taus, of the trigger.
ASIDE = re.compile(
    r"gen|tru(e|th)|(^|_)mc|fat|large|(ak|kt|ca|puppi)_?t?_?(8|1\d)|sub|cand|const|soft|corr|tra?c?k|vr|tau|trig|hlt|(^|_)l1",
    re.IGNORECASE,
)


def find_collection(trees: Sequence[TreeContents], name: str) -> Found:
    """Find the trees that have a collection.

    Args:
        trees: of a file.
        name: of the collection, as `info` prints it, capitals aside where none is called so exactly; `events` means the
            columns of the events, and `jets` the jets of the file: a collection that jets are called in any kind of
            file, else the only one whose name says that it is one of jets, and which has a four-momentum.

    Returns:
        The trees with their collection; none where several collections may be the jets.
    """
    names = JETS if name == DEFAULT else (name,)
    found = [(tree, group) for tree in trees if (group := _called(tree, names)) is not None]
    if found:
        return found
    if name == EVENTS:
        return [(tree, tree.events) for tree in trees if tree.events is not None]
    if name != DEFAULT:
        return []
    maybe = [(tree, group) for tree in trees for group in tree.groups if _is_jets(group)]
    return maybe if len({group.collection.name for _, group in maybe}) == 1 else []


def find_one(path: str | Path, trees: Sequence[TreeContents], name: str) -> tuple[TreeContents, Group]:
    """Find the only tree that has a collection, see `find_collection`.

    Raises:
        JetDataError: none has it, or several have.
    """
    found = find_collection(trees, name)
    if not found:
        raise JetDataError(f"{path}: {why_not(trees, name)}")
    if len(found) > 1:
        listed = few(tree.name for tree, _ in found)
        called = found[0][1].collection.name
        raise JetDataError(f"{path}: several trees hold {called} ({listed}); choose one with --tree NAME")
    return found[0]


def why_not(trees: Sequence[TreeContents], name: str) -> str:
    """Say what to do about a collection that was not found.

    Args:
        trees: of a file.
        name: that was looked for.
    """
    known = list(dict.fromkeys(group.collection.name for tree in trees for group in tree.groups))
    events = [EVENTS] if any(tree.events for tree in trees) else []
    if name != DEFAULT:
        named = suggest(name, [*known, *events]) if known or events else "it has none"
        return f"there is no collection {name!r}; {named}"
    if known:
        momenta = {g.collection.name for tree in trees for g in tree.groups if _has_momentum(g)}
        maybe = [n for n in known if JET.search(n) and n in momenta]
        what = "it is not said which collection is the jets" if maybe else "no collection is one of jets by its name"
        first = [*maybe, *(n for n in known if n in momenta and n not in maybe)] or known
        return f"not supported: {what}; choose one with --collection NAME: {few(first)}"
    if not events:
        return "not supported: it has no trees of events"
    names = few(tree.name for tree in trees if tree.name)
    where = f" in {names}" if names else ""
    return (
        f"not supported: there is no collection of objects{where}; "
        "--collection events --features NAMES takes columns of the events"
    )


def sources_of(path: Path, group: Group, collection: Collection, unit: str | None) -> dict[str, str]:
    """Return the columns from which those of a collection come, and their names in the file.

    Args:
        path: of the file, for messages.
        group: of the file.
        collection: which of its columns are wanted.
        unit: of energies, where somebody knows it.

    Raises:
        JetDataError: a column is missing, or nobody has said the unit of one.
    """
    name, stored = group.collection.name, stored_columns(collection, group.sources)
    if missing := [column for column in stored if column not in group.sources]:
        raise JetDataError(f"{path}: {name} has no column {missing[0]!r}; {suggest(missing[0], group.sources)}")
    if unit is None and any(column.is_energy for column in collection):
        raise JetDataError(f"{path}: the unit of the energies of {name} is nowhere stated; say --source-unit")
    return {column: group.sources[column] for column in stored}


def _called(tree: TreeContents, names: tuple[str, ...]) -> Group | None:
    """Return the first of some collections that a tree has; where it has none by these very names, capitals aside."""
    exact = {group.collection.name: group for group in tree.groups}
    alike = {name.lower(): group for name, group in reversed(exact.items())}
    found = [exact.get(name) for name in names] + [alike.get(name.lower()) for name in names]
    return next((group for group in found if group is not None), None)


def _is_jets(group: Group) -> bool:
    name = group.collection.name
    return JET.search(name) is not None and ASIDE.search(name) is None and _has_momentum(group)


def _has_momentum(group: Group) -> bool:
    return set(stored_columns(FOUR_MOMENTUM, group.sources)) <= set(group.sources)
