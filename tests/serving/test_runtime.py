"""The runtime for edges: shapes, metadata, refusals."""

import doctest
import json
import os
import random
import sys

import numpy as np
import pytest

from atlas_keras import load_jets
from atlas_keras.errors import ExportError, MissingExtraError
from atlas_keras.serving import JetDecoder, JetEncoder, read_metadata, runtime
from atlas_keras.serving.parity import Reference
from tests.rounding import check_jets
from tests.serving.conftest import EXPORTS


@pytest.mark.parametrize("preset", ["folded", "kinematic"])
def test_it_computes_the_model_for_any_number_of_jets(preset, precisions, splits):
    encoder = JetEncoder(EXPORTS / preset / "encoder.tflite")
    decoder = JetDecoder(EXPORTS / preset / "autoencoder.tflite", fingerprint=encoder.fingerprint, threads=2)
    reference = Reference(precisions(preset), splits["test"])
    many = np.tile(splits["test"], (20, 1))  # more than a batch
    assert len(many) > 2 * runtime.BATCH
    for part in np.split(decoder.decode(encoder.encode(many)), 20):
        check_jets(part, reference)
    for n in (0, 1, 3):
        latent = encoder.encode(splits["test"][:n])
        assert latent.shape == (n, 3)
        assert latent.dtype == np.float32
        assert decoder.decode(latent).shape == (n, 4)
    one = encoder.encode(splits["test"][5].tolist())
    assert decoder.decode(one).shape == (4,)
    check_jets(decoder.decode(one)[None], Reference(reference.precisions, splits["test"][5:6]))
    assert (encoder.unit, encoder.columns, encoder.n_latent) == ("MeV", ("E", "pt", "eta", "phi"), 3)
    assert (encoder.preset, encoder.quantization) == (preset, "none")


@pytest.mark.parametrize("preset", ["folded", "kinematic"])
def test_metadata_is_in_every_file(preset):
    manifest = json.loads((EXPORTS / preset / "manifest.json").read_text())
    about = {key: manifest[key] for key in ("fingerprint", "preset", "unit", "units", "columns", "signatures")}
    for export in manifest["exports"]:
        found = read_metadata(EXPORTS / preset / export["name"])
        assert {key: found[key] for key in about} == about
        assert found["quantization"] == export["quantization"]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 4), ()])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"takes jets of shape \(n, 4\)"):
        JetEncoder(EXPORTS / "folded" / "encoder.tflite").encode(np.zeros(shape))


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "garbage.tflite").write_bytes(b"\x00" * 100)
    (tmp_path / "empty.tflite").write_bytes(b"")
    content = (EXPORTS / "folded" / "encoder.tflite").read_bytes()
    (tmp_path / "plain.tflite").write_bytes(content.replace(b"atlas_keras", b"other_thing"))
    for name, reason in [("garbage", "not a LiteRT"), ("empty", "not a LiteRT"), ("plain", "without metadata")]:
        with pytest.raises(ExportError, match=f"{name}.tflite: no LiteRT file of atlas_keras.*{reason}"):
            JetEncoder(tmp_path / f"{name}.tflite")
    with pytest.raises(ExportError, match="No such file"):
        JetEncoder(tmp_path / "absent.tflite")
    with pytest.raises(ExportError, match="cannot decode; the file has encode"):
        JetDecoder(EXPORTS / "folded" / "encoder.tflite")


def test_a_decoder_of_another_model_is_refused():
    encoder = JetEncoder(EXPORTS / "folded" / "encoder.tflite")
    with pytest.raises(ExportError, match=r"decoder\.tflite: comes from another model"):
        JetDecoder(EXPORTS / "kinematic" / "decoder.tflite", fingerprint=encoder.fingerprint)


def test_without_litert_the_hint_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingExtraError, match=r"\.\[edge\].*pip install ai-edge-litert"):
        JetEncoder(EXPORTS / "folded" / "encoder.tflite")


def test_examples_in_docstrings_run(monkeypatch):
    monkeypatch.chdir(EXPORTS.parent)
    assert os.path.exists("exports")
    result = doctest.testmod(runtime)
    assert result.attempted > 3
    assert result.failed == 0


def test_a_dataframe_is_taken_by_the_names_of_its_columns():
    encoder, jets = JetEncoder(EXPORTS / "folded" / "encoder.tflite"), load_jets()[:20]
    expected = encoder.encode(jets[["E", "pt", "eta", "phi"]].to_numpy())
    np.testing.assert_array_equal(encoder.encode(jets[["phi", "event", "pt", "E", "eta"]]), expected)
    with pytest.raises(ValueError, match="lacks the column phi"):
        encoder.encode(jets[["E", "pt", "eta"]])


@pytest.mark.parametrize("rows", [np.zeros((2, 4), complex), np.full((2, 4), "1"), np.ma.masked_less(np.eye(4), 0.5)])
def test_what_is_no_real_number_is_refused(rows):
    with pytest.raises(ValueError, match="takes real numbers"):
        JetEncoder(EXPORTS / "folded" / "encoder.tflite").encode(rows)


def test_any_damaged_bytes_give_an_encoder_or_one_sentence(tmp_path):
    content, path = (EXPORTS / "kinematic" / "encoder.tflite").read_bytes(), tmp_path / "x.tflite"
    begin, rng, messages = content.index(b'{"'), random.Random(0), []
    cases = [content[:12], b"\xff\xff\xff\x7f" + content[4:], content.replace(b"encode\0", b"enc\nde\0")]
    for number in range(300):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 3])):  # half of the cases in what the file says of itself
            place = rng.randrange(len(content)) if number % 2 else begin + rng.randrange(1500)
            changed[place % len(content)] = rng.randrange(256)
        cases.append(bytes(changed))
    for case in cases:
        path.write_bytes(case)
        for read in (JetEncoder, read_metadata):
            try:
                read(path)
            except ExportError as error:
                messages.append(str(error))
    assert len(messages) > 100
    assert [message for message in messages if "x.tflite" not in message or "\n" in message] == []
