"""Keep the state of a training after every epoch, so that a killed run goes on to the very result it would have had."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from atlas_keras.errors import RunError, reason_of
from atlas_keras.json_files import parse_json


class Checkpoint:
    """The state of a training in one file, replaced as a whole: weights, optimizer and history.

    Args:
        path: of the file, `.npz`.
        model: compiled, its optimizer built.
    """

    def __init__(self, path: Path, model: keras.Model) -> None:
        self.path, self.model = path, model

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def save(self, history: list[dict[str, float]]) -> None:
        """Write the state after the epochs of `history`."""
        arrays: dict[str, Any] = {f"v{index}": np.asarray(v) for index, v in enumerate(self._variables())}
        unfinished = self.path.with_name(f".{self.path.name}")
        with unfinished.open("wb") as stream:
            np.savez(stream, history=np.array(json.dumps(history)), **arrays)
        os.replace(unfinished, self.path)

    def restore(self) -> list[dict[str, float]]:
        """Put the state back, where there is one; return its history, one entry for each epoch that is done.

        Raises:
            RunError: the file is damaged.
        """
        if not self.path.exists():
            return []
        try:
            with np.load(self.path) as state:
                values = [state[f"v{index}"] for index in range(len(self._variables()))]
                history = parse_json(str(state["history"]))
            if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
                raise ValueError("no history")
            for variable, value in zip(self._variables(), values, strict=True):
                variable.assign(value)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise RunError(f"{self.path}: damaged ({reason_of(error)}); delete it to train from the start") from error
        return history
