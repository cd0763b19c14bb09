"""The LiteRT decoder: every number is that of the golden model; what differs, or is missing, is told."""

import importlib.util
import json

import numpy as np
import pytest

from atlas_keras.errors import ExportError, MissingExtraError
from atlas_keras.firmware.hardware_format import Hardware
from atlas_keras.firmware.litert_decoder import check_litert, litert_decoder
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.packer_export import export_packer
from atlas_keras.schema_files import from_toml
from atlas_keras.serving import JetDecoder
from atlas_keras.serving.litert import metadata_of
from tests.firmware.small import SMALL


def test_it_decodes_every_word_as_the_golden_model_does(tmp_path):
    packer = Packer.plan(from_toml(SMALL, Hardware), "mixed")
    path = tmp_path / "decoder.tflite"
    path.write_bytes(litert_decoder(packer))
    words = np.arange(33 * 10 * 14 * 2, dtype=np.uint64)
    check = check_litert(path, packer, words)
    assert (check.subject, check.simulated, check.vectors) == ("decoder", True, 9240)
    told = json.loads(metadata_of(path.read_bytes()))
    assert (told["columns"], told["units"]) == (["pt", "phi", "mass", "tag"], ["GeV", "rad", "GeV", "1"])
    check_decoder(JetDecoder(path), packer, words)
    other = Packer.plan(from_toml(SMALL.replace("lsb = 2.0", "lsb = 2.5"), Hardware), "mixed")
    with pytest.raises(ExportError, match=r"decoder\.tflite: does not decode as .* \(\d+ of 9240 words"):
        check_litert(path, other, words)
    with pytest.raises(ExportError, match=r"takes words of 14 bits, and the packer has 15"):
        check_litert(path, Packer.plan(packer.hardware, "bits"), words)


def check_decoder(decoder, packer, words):
    """Our own runtime: any number of words, one, and what is none."""
    assert (decoder.columns, decoder.unit, decoder.word_bits) == (("pt", "phi", "mass", "tag"), "GeV", packer.word_bits)
    jets = packer.decode(words).astype(np.float32)
    np.testing.assert_array_equal(decoder.decode(np.tile(words, 3)), np.tile(jets, (3, 1)))
    np.testing.assert_array_equal(decoder.decode(int(words[70])), jets[70])
    assert decoder.decode(words[:0]).shape == (0, 4)
    for wrong, sentence in ((words[:2] * 1.0, "takes words, whole numbers"), ([-1], "has 14 bits"), (2**14, "0x4000")):
        with pytest.raises(ValueError, match=sentence):
            decoder.decode(wrong)


def test_it_needs_litert(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"LiteRT needs an optional package: `pip install '\.\[edge\]'`"):
        export_packer(tmp_path / "out", "cms-phase2", tools=(), litert=True)
    assert not list(tmp_path.iterdir())
