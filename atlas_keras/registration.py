"""Register the package's Keras classes as soon as both Keras and atlas_keras are imported, in either order.

`keras.saving.load_model` finds classes of ours only if they are registered, and registering needs Keras; importing it
here at once would cost every `--help` seconds. So the import of Keras itself is watched.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULES = ("atlas_keras.layers", "atlas_keras.models.architectures")


class Watcher(MetaPathFinder):
    """Call a function once a package has been imported; who only looks for the package finds it as ever.

    Args:
        package: its name.
        then: what is called; the watcher is gone by then.
    """

    def __init__(self, package: str, then: Callable[[], None]) -> None:
        self.package, self.then = package, then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the package as the other finders do, with a loader that tells when it is run."""
        if fullname != self.package:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec

    def imported(self) -> None:
        """Stop watching, and call the function."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            self.then()


class _Loader(Loader):
    """The package's own loader in all that is asked of it, until it has run."""

    def __init__(self, loader: Any, watcher: Watcher) -> None:
        self._loader, self._watcher = loader, watcher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader  # it stays: resources are found through it
        self._loader.exec_module(module)
        self._watcher.imported()


def _register() -> None:
    for module in MODULES:
        importlib.import_module(module)


def register_classes() -> None:
    """Register now where Keras is imported, else when it will be."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, Watcher("keras", _register))
