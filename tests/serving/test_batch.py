"""Exports for a fixed number of jets a call: no other shape inside, and any number of jets by our own runtimes."""

import json

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from atlas_keras.errors import ConfigError
from atlas_keras.serving import JetDecoder, JetEncoder, artifacts, open_export, read_metadata, speed
from atlas_keras.serving.export_format import in_batches
from atlas_keras.serving.request import MAX_BATCH, check_request
from tests.rounding import check_jets

BATCH = 7


@pytest.fixture(scope="module")
def folder(models, splits, export_traced_once, tmp_path_factory):
    """Return an export of `kinematic`; the export itself proves that its files compute what the model does.

    Here SavedModels are timed in this process: that they have one of their own is for `tests/test_export.py`.
    """
    folder = tmp_path_factory.mktemp("batch") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts, "THREADS", (1,))
        patch.setattr(speed, "ROUNDS", 1)
        patch.setattr(speed, "_in_another_process", speed._time)
        export_traced_once(
            models("kinematic"),
            folder,
            train=splits["train"][:4096],
            test=splits["test"][:100],
            formats=("saved_model", "tflite", "onnx"),
            quantizations=("none", "int8"),
            batch=BATCH,
            n_extreme=1000,
        )
    return folder


def test_no_tensor_has_another_shape(folder):
    names = [path.name for path in folder.glob("*.tflite")]
    assert len(names) == 6
    for name in names:
        for tensor in Interpreter(model_path=str(folder / name)).get_tensor_details():
            assert -1 not in tensor["shape_signature"], (name, tensor["name"])
    for name, widths in [("encoder", (4, 3)), ("decoder", (3, 4))]:
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
        assert [t.shape for t in (*session.get_inputs(), *session.get_outputs())] == [[BATCH, n] for n in widths]


def test_manifest_and_files_tell_the_batch(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    for export in manifest["exports"]:
        found = read_metadata(folder / export["name"])
        fixed = export["format"] != "saved_model"
        assert export["batch"] == (BATCH if fixed else None)
        assert found["signatures"]["encode"]["inputs"]["jets"] == [BATCH if fixed else "n_jets", 4]
        speed = [figures for item in (export["speed"] or []) for name, figures in item.items() if name != "threads"]
        for figures in speed:
            assert figures["one_jet_us"] > 0
            if fixed:  # one jet takes a whole call
                assert figures["jets_per_second"] == pytest.approx(BATCH * 1e6 / figures["one_jet_us"])


@pytest.mark.parametrize("n", [0, 1, BATCH, BATCH + 1, 3 * BATCH - 1])
def test_our_runtimes_take_any_number_of_jets(folder, reference, n):
    reference = reference("kinematic")
    encoder, decoder = JetEncoder(folder / "encoder.tflite"), JetDecoder(folder / "autoencoder.tflite")
    assert (encoder.batch, decoder.batch) == (BATCH, BATCH)
    parts = [open_export(folder / f"{name}.onnx") for name in ("encoder", "decoder")]
    onnx = {key: function for part in parts for key, function in part.items()}
    rows = reference.jets[:n]
    for jets in (decoder.decode(encoder.encode(rows)), onnx["decode"](onnx["encode"](rows))):
        assert jets.shape == (n, 4)
        check_jets(np.concatenate([jets, reference.decoded[n:]]), reference)


def test_more_than_the_rows_of_a_step(folder, reference, monkeypatch):
    from atlas_keras.serving import runtime

    encoder, rows = JetEncoder(folder / "encoder.tflite"), reference("kinematic").jets[:40]
    whole = encoder.encode(rows)
    monkeypatch.setattr(runtime, "BATCH", 2 * BATCH + 1)
    np.testing.assert_array_equal(encoder.encode(rows), whole)
    monkeypatch.setattr(runtime, "BATCH", BATCH - 1)
    np.testing.assert_array_equal(encoder.encode(rows), whole)


def test_in_batches_fills_up_and_cuts_off():
    seen = []

    def double(rows):
        seen.append(len(rows))
        return 2 * rows

    rows = np.arange(10.0, dtype=np.float32).reshape(5, 2)
    np.testing.assert_array_equal(in_batches(double, 3)(rows), 2 * rows)
    assert seen == [3, 3]
    assert in_batches(double, 3)(rows[:0]).shape == (0, 2)
    assert in_batches(double, None) is double


@pytest.mark.parametrize(
    ("formats", "batch", "message"),
    [
        (["tflite"], 0, "1 to 65536 jets"),
        (["tflite"], MAX_BATCH + 1, "1 to 65536 jets"),
        (["saved_model"], 4, "add tflite or onnx"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(formats, batch, message):
    with pytest.raises(ConfigError, match=message):
        check_request(formats, ["none"], batch)
