"""What is said where uproot fails: a file that is damaged and a file that nobody can read yet are different things.

Bytes tell them apart. A file that ends too early, or whose bytes do not decompress, is damaged; bytes that are sound
and that uproot cannot interpret are of an unsupported kind, whatever uproot raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.suggestions import few

try:
    import uproot
except ImportError:
    uproot = None


@contextmanager
def forgetting() -> Iterator[None]:
    """Let uproot forget the classes that it learns from a file: those of a damaged one spoil all later files."""
    classes = dict(uproot.classes)
    versions = [(kind, dict(kind.known_versions)) for kind in classes.values() if hasattr(kind, "known_versions")]
    try:
        yield
    finally:
        uproot.classes.clear()
        uproot.classes.update(classes)
        for kind, known in versions:
            kind.known_versions.clear()
            kind.known_versions.update(known)


def is_truncated(file: Any, path: Path) -> bool:
    """Tell whether a file ends before the end that its header states."""
    return path.stat().st_size < file.file.fEND


def damage(path: Path, error: Exception, file: Any = None, where: str = "") -> JetDataError:
    """Return the error for a damaged file.

    Args:
        path: the file.
        error: what uproot raised.
        file: as uproot has opened it, if it could.
        where: ` in branch X`, where that is known.
    """
    why = reason_of(error)
    if file is not None and is_truncated(file, path):
        why = f"it has {path.stat().st_size:,} of {file.file.fEND:,} bytes"
    return JetDataError(f"{path}: the ROOT file is truncated or damaged{where} ({why})")


@contextmanager
def damage_told(path: Path, file: Any) -> Iterator[None]:
    """Tell whatever uproot raises of an open file as damage of it.

    Args:
        path: the file.
        file: as uproot has opened it.

    Raises:
        JetDataError: as it is raised, or that the file is damaged.
    """
    try:
        yield
    except JetDataError:
        raise
    except Exception as error:
        raise damage(path, error, file) from error


def tree_fault(path: Path, file: Any, name: str, key: Any, error: Exception) -> JetDataError:
    """Return the error for a tree that uproot cannot open.

    Args:
        path: the file.
        file: as uproot has opened it.
        name: of the tree.
        key: uproot's key of it.
        error: what uproot raised.
    """
    if is_truncated(file, path) or not (isinstance(error, NotImplementedError | ImportError) or _is_whole(key)):
        return damage(path, error, file, f" in tree {name}")
    return JetDataError(f"{path}: the tree {name} is of a kind that uproot cannot read ({reason_of(error)})")


def are_sound(path: Path, file: Any, errors: dict[str, Exception], branches: dict[str, Any]) -> bool:
    """Tell whether branches that could not be read are of unknown kinds, and not damaged; see `branch_fault`."""
    return not is_truncated(file, path) and all(_is_sound(branches[name], error) for name, error in errors.items())


def branch_fault(
    path: Path, file: Any, errors: dict[str, Exception], branches: dict[str, Any], what: str
) -> JetDataError:
    """Return the error for branches that uproot cannot read.

    Args:
        path: the file.
        file: as uproot has opened it.
        errors: what uproot raised for each of the branches.
        branches: uproot's branches or fields by name.
        what: `jets`, `identity` or `columns`: what the branches are read for.
    """
    for name, error in errors.items():
        if not are_sound(path, file, {name: error}, branches):
            return damage(path, error, file, f" in branch {name}")
    names = few(f"{name} ({type_of(branches[name])})" for name in errors)
    if what == "columns":
        one = len(errors) == 1
        return JetDataError(
            f"{path}: uproot cannot read the {'branch' if one else 'branches'} {names}; "
            f"leave {'it' if one else 'them'} out of --columns"
        )
    use = "the jets are in" if what == "jets" else "an event is identified by"
    (error, *_) = errors.values()
    return JetDataError(f"{path}: {use} {names}, of a kind that uproot cannot read ({reason_of(error)})")


def type_of(branch: Any) -> str:
    """Return the type of a branch, as far as uproot knows it."""
    try:
        return str(branch.typename)[:80]
    except Exception:
        return "of unknown type"


def _is_whole(key: Any) -> bool:
    """Tell whether an object's bytes are as they were written: they decompress, or their checksums hold."""
    try:
        if "RNTuple" in key.fClassName:
            source = key.get()
            source.header, source.footer  # noqa: B018 both compare their checksums
            return True
        key.get_uncompressed_chunk_cursor()
    except Exception:
        return False
    return key.is_compressed


def _is_sound(branch: Any, error: Exception) -> bool:
    """Tell whether a branch that could not be read has sound bytes, of a kind that uproot does not know."""
    if isinstance(error, NotImplementedError | ImportError | uproot.interpretation.identify.UnknownInterpretation):
        return True
    if hasattr(branch, "to_akform"):  # of an RNTuple: what it knows the form of, it can read
        try:
            branch.to_akform()
        except Exception:
            return True
        return False
    try:
        compressed = any([branch.basket(index).block_compression_info for index in range(branch.num_baskets)])
        content = getattr(branch.interpretation, "content", branch.interpretation)
    except Exception:
        return False
    # Uncompressed bytes have no checksum: numbers that cannot be read are damaged, of objects nobody knows.
    return compressed or type(content) is not uproot.interpretation.numerical.AsDtype
