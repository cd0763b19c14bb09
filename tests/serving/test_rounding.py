"""The rounding of float32, played in float64: sound arithmetic is inside, whatever processor it is of; more is not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from atlas_keras.errors import ExportError
from atlas_keras.layers import Standardization
from atlas_keras.serving import open_export
from atlas_keras.serving.constants import check_weights
from atlas_keras.serving.extremes import extreme_jets
from atlas_keras.serving.parity import FLOAT32, SPREADS, Reference, check, compare
from atlas_keras.serving.rounding import DRAWS, HALF_ULP, DoubleModel
from tests.serving.conftest import EXPORTS

ROOT = Path(__file__).parents[2]


def model_of(*layers):
    inputs = keras.Input((2,), dtype="float32")
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def spread_of(model, rows):
    double = DoubleModel(model)
    exact = double.exact(rows)
    return exact, np.sqrt(np.mean([(double.rounded(rows, seed) - exact) ** 2 for seed in range(DRAWS)], axis=0))


ROWS = np.random.default_rng(0).uniform(0.5, 2, (1000, 2)).astype(np.float32)


def test_what_float32_holds_exactly_has_no_spread():
    """A power of two, a shift of whole numbers, a permutation: nothing is rounded."""
    rows = np.rint(ROWS * 100).astype(np.float32)
    exact, spread = spread_of(model_of(Standardization([3.0, 7.0], [4.0, 0.25])), rows)
    np.testing.assert_array_equal(exact, (rows - [3, 7]) / [2, 0.5])
    assert not spread.any()


def test_one_operation_spreads_by_its_last_place():
    _, spread = spread_of(model_of(keras.layers.Rescaling(1 / 3)), ROWS)
    relative = spread / (ROWS / 3)
    assert 0.2 * HALF_ULP < np.median(relative) < 2 * HALF_ULP
    assert relative.max() < 4 * HALF_ULP


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_the_spread_follows_the_largest_intermediate(size):
    """X + size - size: the result is near 1, the rounding is that of the sum."""
    model = model_of(Standardization([-size / 3] * 2, [1.0] * 2), Standardization([size / 3] * 2, [1.0] * 2))
    _, spread = spread_of(model, ROWS)
    assert 0.1 * HALF_ULP < np.median(spread) / (size / 3) < 3 * HALF_ULP


@pytest.mark.parametrize("preset", ["folded", "kinematic", pytest.param("published", marks=pytest.mark.slow)])
def test_keras_itself_is_within_the_spread_and_near_its_size(preset, precisions):
    functions = {"encode": precisions(preset).encode, "decode": precisions(preset).decode}
    n = 500 if preset == "published" else 2000  # it has a hundred times the weights of the others
    figures = compare(functions, Reference(precisions(preset), extreme_jets(n)))
    for found in figures.values():
        assert 0.5 < found["from_float64"]["spreads"] <= SPREADS


OTHER_ARITHMETIC = """
import json, sys
import numpy as np
import tensorflow as tf
threads = int(sys.argv[1])
tf.config.threading.set_intra_op_parallelism_threads(threads)
from atlas_keras import load_autoencoder
from atlas_keras.serving import open_export
from atlas_keras.serving.extremes import extreme_jets
from atlas_keras.serving.parity import Precisions, Reference, compare
found = {}
for folder in sys.argv[2:]:
    precisions = Precisions(load_autoencoder(folder + "/run"))
    reference = Reference(precisions, extreme_jets(2000, seed=2))
    functions = {"keras": {"encode": precisions.encode, "decode": precisions.decode}}
    functions["saved_model"] = open_export(folder + "/saved_model")
    functions["tflite"] = open_export(folder + "/autoencoder.tflite", threads)
    functions["onnx"] = open_export(folder + "/encoder.onnx", threads) | open_export(folder + "/decoder.onnx", threads)
    for name, opened in functions.items():
        for signature, figures in compare(opened, reference).items():
            found[f"{folder} {name} {signature}"] = figures["from_float64"]["spreads"]
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "threads", "presets"),
    [
        ({"TF_ENABLE_ONEDNN_OPTS": "0"}, 1, ["folded", "kinematic"]),
        ({"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}, 2, ["kinematic"]),
    ],
    ids=["without oneDNN, one thread", "oneDNN for AVX2, two threads"],
)
def test_a_sound_export_passes_with_other_arithmetic(variables, threads, presets):
    command = [
        sys.executable,
        "-c",
        OTHER_ARITHMETIC,
        str(threads),
        *(str(EXPORTS / p) for p in presets),
    ]
    environment = {**os.environ, **variables, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(presets) * 9
    assert max(found.values()) <= SPREADS, found


def weights_of(model, part):
    return [w for w in model.get_layer(part).weights if np.prod(w.shape) > 0]


@pytest.mark.parametrize("preset", ["folded", "kinematic"])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_file_with_one_weight_changed_by_1e_4_is_refused(preset, part, suffix, models, tmp_path):
    """Any weight, be it in a small network whose part of the result is lost in the rounding."""
    model = models(preset)
    signature = {"encoder": "encode", "decoder": "decode"}[part]
    source = EXPORTS / preset / f"{part}{suffix}"
    check_weights(source, model, [signature])
    content, changed = source.read_bytes(), tmp_path / source.name
    for weight in weights_of(model, part):
        values = np.asarray(weight).ravel()
        value = values[np.argmax(np.abs(values))]
        before, after = value.tobytes(), np.float32(value + 1e-4).tobytes()
        assert content.count(before) == 1
        changed.write_bytes(content.replace(before, after))
        with pytest.raises(
            ExportError, match=f"1 of {np.sum(values != 0)} weights '{weight.path}' of the {part} are not"
        ):
            check_weights(changed, model, [signature])


@pytest.mark.parametrize(("part", "layer"), [("encoder", "encoder_linear"), ("decoder", "decoder_linear")])
def test_the_numbers_show_a_changed_weight_of_the_linear_map(part, layer, models, precisions):
    model = models("kinematic")
    signature = {"encoder": "encode", "decoder": "decode"}[part]
    content = (EXPORTS / "kinematic" / f"{part}.tflite").read_bytes()
    reference = Reference(precisions("kinematic"), extreme_jets(2000))
    # All that carries pt, eta and phi; the few weights of rho alone are for `check_weights`.
    for value in np.asarray(model.get_layer(part).get_layer(layer).kernel)[:3, :3].ravel():
        assert content.count(value.tobytes()) == 1
        functions = litert(content.replace(value.tobytes(), np.float32(value + 1e-4).tobytes()), signature)
        figures = compare(functions, reference)
        with pytest.raises(ExportError, match="rounding to float32 explains"):
            check("changed", {"test": figures, "extreme": figures}, FLOAT32)


def litert(content, signature):
    from ai_edge_litert.interpreter import Interpreter

    call = Interpreter(model_content=content).get_signature_runner(signature)
    (name,), (output,) = call.get_input_details(), call.get_output_details()
    return {signature: lambda rows: call(**{name: rows})[output]}


def test_a_saved_model_of_another_model_is_refused(models):
    with pytest.raises(
        ExportError, match=r"saved_model: .* weights 'encoder_1/kernel' of the encoder are not in the file"
    ):
        check_weights(EXPORTS / "folded" / "saved_model", models("kinematic"), ["encode"])
    check_weights(EXPORTS / "kinematic" / "saved_model", models("kinematic"), ["encode", "decode", "reconstruct"])
    assert sorted(open_export(EXPORTS / "kinematic" / "saved_model")) == ["decode", "encode", "reconstruct"]
