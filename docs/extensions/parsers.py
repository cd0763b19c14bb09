"""The parsers of the commands, for the reference: a function a command, as sphinx-argparse wants them."""

import argparse
import importlib
import re
from collections.abc import Callable

from atlas_keras.__main__ import COMMANDS


def _parser(module: str, program: str) -> Callable[[], argparse.ArgumentParser]:
    def build() -> argparse.ArgumentParser:
        command = importlib.import_module(module)
        parser = argparse.ArgumentParser(prog=program, description=" ".join(command.DESCRIPTION.split()))
        command.add_arguments(parser)
        for action in parser._actions:  # texts are plain, and would be read as reStructuredText
            action.help = re.sub(r"([*|`_\\])", r"\\\1", action.help or "")
        return parser

    return build


for name in COMMANDS:
    globals()[name.replace("-", "_")] = _parser(f"atlas_keras.{name.replace('-', '_')}", f"atlas-keras {name}")
search = _parser("tuning.search", "python -m tuning.search")
