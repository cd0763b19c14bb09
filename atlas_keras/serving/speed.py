"""Time an export: latency of one jet, and jets a second in batches of 4096, or of as many as its calls have.

A SavedModel is timed in a process of its own, because TensorFlow fixes its threads when it starts. The figures depend
on the machine and on what else it does; `benchmarks/speed.py` compares exports with each other and with PyTorch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.errors import ExportError
from atlas_keras.serving.opening import Function, open_export
from atlas_keras.serving.signatures import SIGNATURES

BATCH = 4096
ROUNDS, ROUND_SECONDS = 7, 0.02


def time_export(
    path: Path, inputs: dict[str, NDArray[np.float32]], threads: int, batch: int | None = None
) -> dict[str, dict[str, float]]:
    """Time the signatures of an export for which there is input.

    Args:
        path: a `.tflite` or `.onnx` file, or the folder of a SavedModel.
        inputs: for signatures their input, at least one row, repeated to a batch.
        threads: that one call may use.
        batch: how many jets every call of the export has; None means any number. Batches are of so many then, and one
            jet is a call with the others as padding.

    Returns:
        For each signature `one_jet_us` [microseconds] and `jets_per_second`, medians.
    """
    if path.is_dir():
        return _in_another_process(path, inputs, threads)
    return _time(path, inputs, threads, batch)


def _time(
    path: Path, inputs: dict[str, NDArray[np.float32]], threads: int, batch: int | None = None
) -> dict[str, dict[str, float]]:
    functions, found = open_export(path, threads), {}
    largest = batch or BATCH
    for name in inputs.keys() & functions.keys():
        seconds = {}
        for n in (batch or 1, largest):
            rows = np.resize(inputs[name], (n, inputs[name].shape[1]))
            seconds[n] = _median(_task(path, functions, name, rows, threads))
        found[name] = {"one_jet_us": seconds[batch or 1] * 1e6, "jets_per_second": largest / seconds[largest]}
    return found


def _task(
    path: Path, functions: Mapping[str, Function], name: str, rows: NDArray[np.float32], threads: int
) -> Callable[[], Any]:
    """Prepare the call that a program makes again and again; of LiteRT that in C++, with tensors allocated once."""
    if path.suffix != ".tflite" or len(functions) > 1:
        return lambda: functions[name](rows)
    return prepared_call(path.read_bytes(), rows, threads)


def prepared_call(content: bytes, rows: NDArray[np.float32], threads: int) -> Callable[[], Any]:
    """Return the call of a LiteRT file with one signature, its tensors allocated and its input set.

    Args:
        content: of the file.
        rows: its input.
        threads: that one call may use.

    Raises:
        MissingExtraError: LiteRT is not installed.
    """
    interpreters = extras.load("ai_edge_litert.interpreter")
    interpreter = interpreters.Interpreter(model_content=content, num_threads=threads)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, rows.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, rows)
    return interpreter.invoke


def _median(task: Callable[[], Any]) -> float:
    task()
    started = time.perf_counter()
    task()
    repeat = max(1, int(ROUND_SECONDS / (time.perf_counter() - started)))
    return statistics.median(seconds_of(task, ROUNDS, repeat))


def seconds_of(task: Callable[[], Any], n_rounds: int, n_calls: int) -> list[float]:
    """Measure how long a call takes [s]: the mean of each round of so many calls."""
    found = []
    for _ in range(n_rounds):
        started = time.perf_counter()
        for _ in range(n_calls):
            task()
        found.append((time.perf_counter() - started) / n_calls)
    return found


def _in_another_process(
    path: Path, inputs: dict[str, NDArray[np.float32]], threads: int
) -> dict[str, dict[str, float]]:
    rows = {name: values[:BATCH].tolist() for name, values in inputs.items()}
    command = [sys.executable, "-m", "atlas_keras.serving.speed", str(path.resolve()), "--threads", str(threads)]
    done = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ExportError(f"{path}: cannot be loaded in a process of its own ({reason})")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Time a SavedModel with so many threads; inputs come from stdin as JSON, figures go to stdout as JSON."""
    parser = argparse.ArgumentParser(description="Time a SavedModel.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--threads", type=int, choices=range(1, 257), metavar="N", required=True)
    args = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    rows = json.load(sys.stdin)
    inputs = {name: np.array(values, np.float32) for name, values in rows.items() if name in SIGNATURES}
    print(json.dumps(_time(args.path, inputs, args.threads)))


if __name__ == "__main__":
    main()
