"""Register the package's Keras classes as soon as both Keras and atlas_keras are imported, in either order.

`keras.saving.load_model` finds classes of ours only if they are registered, and registering needs Keras; importing it
here at once would cost every `--help` seconds. So the import of Keras itself is watched.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

MODULES = ("atlas_keras.layers",)


class _ThenRegister(Loader):
    """Load Keras with its own loader, then import the modules that register classes."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        _register()


class _KerasWatcher(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenRegister(spec.loader)
        return spec


def _register() -> None:
    for module in MODULES:
        importlib.import_module(module)


def register_classes() -> None:
    """Register now where Keras is imported, else when it will be."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _KerasWatcher())
