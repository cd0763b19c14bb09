"""How fast jets are encoded and decoded: LiteRT, ONNX Runtime and Keras beside the published network in PyTorch.

    python -m benchmarks.speed FILE

Timing does not depend on the weights, so the models are not trained. All methods take turns; medians are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import table, write

PEER = "published, PyTorch"
WAYS = ("encode", "decode")
PRESETS = ("published", "kinematic", "folded")
BATCHES = {1: 1000, 4096: 20}  # how often in a round
ROUNDS = 15
Task = Callable[[], Any]


def torch_tasks(rows: NDArray[np.float32], threads: int) -> dict[str, Task]:
    """Encoder and decoder of the published network in PyTorch; normalized rows in, its preprocessing not counted."""
    import torch

    from benchmarks.torch_recipe import network

    torch.set_num_threads(threads)
    net = network().eval()
    encoder, decoder = net[:7], net[7:]  # the decoder begins with the tanh on the latent
    x = torch.tensor(rows)
    latent = encoder(x).detach()

    def run(part: Any, values: Any) -> Task:
        def task() -> Any:
            with torch.inference_mode():
                return part(values)

        return task

    return {"encode": run(encoder, x), "decode": run(decoder, latent)}


def keras_tasks(model: Any, jets: NDArray[np.float32]) -> dict[str, Task]:
    """Encoder and decoder as graph functions of TensorFlow."""
    import tensorflow as tf

    encoder, decoder = (tf.function(model.get_layer(name), jit_compile=False) for name in ("encoder", "decoder"))
    x = tf.constant(jets)
    latent = encoder(x)
    return {"encode": lambda: encoder(x), "decode": lambda: decoder(latent)}


def litert_tasks(contents: dict[str, bytes], jets: NDArray[np.float32], threads: int) -> dict[str, Task]:
    """Encoder and decoder as LiteRT files, physical units in and out."""
    from ai_edge_litert.interpreter import Interpreter

    tasks, values = {}, jets
    for signature, content in contents.items():
        interpreter = Interpreter(model_content=content, num_threads=threads)
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, values.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, values)
        interpreter.invoke()
        values = np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        tasks[signature] = interpreter.invoke
    return tasks


def onnx_tasks(contents: dict[str, bytes], jets: NDArray[np.float32], threads: int) -> dict[str, Task]:
    """Encoder and decoder in ONNX Runtime, physical units in and out."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle, it would slow the others down
    tasks, values = {}, jets
    for signature, content in contents.items():
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: values}
        values = session.run(None, feed)[0]
        tasks[signature] = partial(session.run, None, feed)
    return tasks


def side_by_side(copies: list[dict[str, Task]], way: str, repeat: int) -> float:
    """Time one interpreter in each thread, each with its own batches; give the seconds for one batch of all."""
    with ThreadPoolExecutor(len(copies)) as pool:
        started = time.perf_counter()
        done = [pool.submit(lambda task: [task() for _ in range(repeat)], copy[way]) for copy in copies]
        for one in done:
            one.result()
        return (time.perf_counter() - started) / repeat / len(copies)


def measure(file: Path, threads: int) -> list[dict[str, Any]]:
    """Time everything with so many threads, in rounds in which the methods take turns."""
    from atlas_keras.command import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    from atlas_keras import build_autoencoder, load_jets
    from atlas_keras.serving import litert_bytes, onnx_bytes

    jets = load_jets(file)[["E", "pt", "eta", "phi"]].to_numpy(np.float32)
    models = {preset: build_autoencoder(preset, jets=jets) for preset in PRESETS}
    contents = {preset: {way: litert_bytes(model, [way]) for way in WAYS} for preset, model in models.items()}
    graphs = {preset: {way: onnx_bytes(model, way) for way in WAYS} for preset, model in models.items()}
    found = []
    for batch, repeat in BATCHES.items():
        part = jets[:batch]
        methods = {PEER: torch_tasks(np.random.default_rng(0).uniform(size=(batch, 4)).astype(np.float32), threads)}
        for preset, model in models.items():
            methods[f"{preset}, Keras"] = keras_tasks(model, part)
            methods[f"{preset}, ONNX Runtime"] = onnx_tasks(graphs[preset], part, threads)
            methods[f"{preset}, LiteRT"] = litert_tasks(contents[preset], part, threads)
        several = {}
        if threads > 1 and batch > 1:
            several = {
                f"{preset}, LiteRT, one a thread": [litert_tasks(contents[preset], part, 1) for _ in range(threads)]
                for preset in PRESETS
            }
        seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
        for _ in range(ROUNDS):
            for method, tasks in methods.items():
                for way, task in tasks.items():
                    task()
                    started = time.perf_counter()
                    for _ in range(repeat):
                        task()
                    seconds[method, way].append((time.perf_counter() - started) / repeat)
            for method, copies in several.items():
                for way in copies[0]:
                    seconds[method, way].append(side_by_side(copies, way, 4 * repeat))
        for (method, way), times in seconds.items():
            row = {"method": method, "way": way, "batch": batch, "threads": threads}
            found.append({**row, "seconds": statistics.median(times)})
    return found


def main() -> None:
    """Run the benchmark, one process for each number of threads."""
    parser = argparse.ArgumentParser(description="Compare the speed of encoders and decoders.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--threads", type=int, help="measure with so many threads and print JSON")
    args = parser.parse_args()
    if args.threads:
        print(json.dumps(measure(args.file, args.threads)))
        return
    found = []
    for threads in (1, 2):
        command = [sys.executable, "-m", "benchmarks.speed", str(args.file), "--threads", str(threads)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found += json.loads(done.splitlines()[-1])
    parts = []
    for threads in (1, 2):
        for way in WAYS:
            chosen = [row for row in found if row["threads"] == threads and row["way"] == way]
            parts += [f"## {way}, {threads} thread{'s' * (threads > 1)}", _table(chosen)]
    body = f"""
Median of {ROUNDS} rounds in which all methods take turns. Ours take and give physical units; the peer gets rows that
are normalized already. *x* is how many times faster than the peer.
*One a thread*: each thread has its own interpreter and its own batches, as on a farm; else the threads share a batch.

{chr(10).join(chr(10) + part for part in parts)}
"""
    packages = ["numpy", "tensorflow", "keras", "ai-edge-litert", "onnxruntime", "torch"]
    write("speed", "Speed", "python -m benchmarks.speed FILE", body, {"measured": found}, packages)


def _table(rows: list[dict[str, Any]]) -> str:
    seconds = {(row["method"], row["batch"]): row["seconds"] for row in rows}
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        one, many = seconds.get((method, 1)), seconds[method, 4096]
        single = (one * 1e6, f"{seconds[PEER, 1] / one:.1f}") if one else ("", "")
        lines.append((method, *single, 4096 / many / 1e6, f"{seconds[PEER, 4096] / many:.1f}"))
    return table(["method", "one jet [us]", "x", "batch 4096 [million jets/s]", "x"], lines)


if __name__ == "__main__":
    main()
