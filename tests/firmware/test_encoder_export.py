"""Firmware of quantized encoders: every program computes what Keras does; faults fail the export; bad input."""

import importlib.util
import json
import re
from dataclasses import replace

import keras
import numpy as np
import pytest

from atlas_keras import build_autoencoder, export, export_encoder, preset_config
from atlas_keras.errors import ConfigError, ExportError, MissingExtraError
from atlas_keras.firmware import encoder_export, export_folder, hls4ml_project, integer_network, tools
from atlas_keras.firmware.encoder_litert import check_latent
from atlas_keras.firmware.golden import check_golden, golden_encoder
from atlas_keras.firmware.hardware_format import read_hardware
from atlas_keras.firmware.latent_word import LatentWord, Number
from atlas_keras.firmware.trigger_encoder import TriggerEncoder
from atlas_keras.firmware.vectors import make_vectors
from atlas_keras.models import quantized
from atlas_keras.models.prediction import predict
from atlas_keras.serving import JetDecoder
from tests.firmware.small import needs_compiler, needs_icarus
from tests.firmware.small_encoder import build_small, jets
from tests.reports import check_report
from tests.schemas import check_schema

needs_fpga = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("hgq", "alkaid")), reason="the extra fpga is not installed"
)
needs_hls4ml = pytest.mark.skipif(importlib.util.find_spec("hls4ml") is None, reason="hls4ml is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(3)
    return build_small(tmp_path_factory.mktemp("hardware"))


@pytest.fixture
def export_small(model, tmp_path):
    """Return a function that exports the small encoder, with few random vectors."""

    def export_one(name="out", model=model, **options):
        splits = {"train": jets(400)[200:], "test": jets(200)}
        return export_encoder(model, tmp_path / name, **{**splits, "n_random": 300, **options})

    return export_one


def nothing_left(tmp_path):
    return not (tmp_path / "out").exists()


@needs_fpga
def test_the_decoder_takes_words(export_small, model, tmp_path):
    """As LiteRT, by the runtime of all decoders, without TensorFlow."""
    report = export_small(tools=[], litert=True)
    assert (report.checks[-1].tool, report.checks[-1].subject) == ("litert", "decoder")
    decoder = JetDecoder(tmp_path / "out" / "decoder.tflite")
    assert (decoder.columns, decoder.unit, decoder.word_bits) == (("E", "pt", "eta", "phi"), "MeV", report.word_bits)
    latent = predict(model.get_layer("encoder"), jets(200))
    word = LatentWord.read(tmp_path / "out" / "decoder.json")
    found, expected = decoder.decode(word.pack(latent)), predict(model.get_layer("decoder"), latent)
    np.testing.assert_allclose(np.cos(found[:, 3] - expected[:, 3]), 1, atol=1e-6)
    np.testing.assert_allclose(found[:, :3], expected[:, :3], rtol=1e-4, atol=1e-4)
    other = build_small(tmp_path)
    for weight in other.get_layer("decoder").weights:
        weight.assign(weight + 0.1)
    with pytest.raises(ExportError, match=r"decoder\.tflite: does not decode as Keras does"):
        check_latent(tmp_path / "out" / "decoder.tflite", other, word, latent)


@needs_fpga
@needs_icarus
def test_icarus_finds_every_word_right(export_small, model, tmp_path):
    report = export_small(tools=["icarus"])
    interpreter, golden, icarus, verilator, compiler, hls = report.checks
    assert (icarus.tool, icarus.subject, icarus.simulated, icarus.reason) == ("icarus", "verilog", True, "")
    assert icarus.vectors == sum(report.vectors.values()) == 400 + 19 + 1024 + 300
    assert interpreter.vectors == golden.vectors == icarus.vectors
    assert [check.tool for check in report.checks if check.simulated] == ["alkaid", "numpy", "icarus"]
    assert not any(check.simulated for check in (verilator, compiler, hls))
    assert hls.reason == "not asked for: --formats verilog,hls"
    folder = tmp_path / "out"
    written = json.loads((folder / "report.json").read_text())
    check_schema("encoder", written)
    assert written == report.to_dict()
    assert f"{report.bits} bits in, {report.word_bits} out" in check_report(folder / "report.html")
    assert report.saturation.constant_outside
    assert 0 < report.saturation.largest_step <= 1
    comparison = report.comparison
    assert comparison.codes.max["pt"] <= 0.1
    assert comparison.truncation.bits == comparison.encoder.bits == report.word_bits <= 16
    check_words(folder, model)


def check_words(folder, model):
    """From vectors.hex alone: words of jets are what the encoder gives, and the decoder that is written takes them."""
    word, hardware = LatentWord.read(folder / "decoder.json"), read_hardware(folder / "hardware.toml")
    lines = [line.split("_") for line in (folder / "vectors" / "vectors.hex").read_text().split()[:400]]
    latent = word.unpack(np.array([int(line[-1], 16) for line in lines], np.uint64))
    order = jets(400)
    expected = predict(model.get_layer("encoder"), order)
    same = (latent == expected).all(axis=1)
    assert same.mean() > 0.99  # float32 may round a jet at the edge of two whole numbers to the other one
    decoder = keras.saving.load_model(folder / "decoder.keras")
    np.testing.assert_array_equal(predict(decoder, latent[same].astype(np.float32)), predict(model, order)[same])
    assert [field.name for field in hardware.fields] == ["pt", "phi", "eta", "mass2"]


@needs_fpga
@needs_hls4ml
@needs_compiler
@pytest.mark.slow
def test_all_programs_find_every_word_right(export_small, tmp_path):
    """What docs/encoders.md says of the presets with 10,000 jets and 100,000 words of the whole range."""
    report = export_small(hls=True, tools=[name for name in ("icarus", "verilator", "c++") if not tools._missing(name)])
    ran = {check.tool: check for check in report.checks if check.simulated}
    assert {"numpy", "alkaid", "c++", "hls4ml"} <= set(ran)
    assert len({check.vectors for check in ran.values()}) == 1
    assert (tmp_path / "out" / "hls" / "firmware" / "network.cpp").exists()
    assert not list((tmp_path / "out").rglob("*.so"))


@needs_fpga
@needs_icarus
def test_a_wrong_constant_fails_the_export(export_small, tmp_path, monkeypatch):
    write = encoder_export.write_verilog

    def mutated(encoder, folder):
        latency = write(encoder, folder)
        path = next(path for path in sorted(folder.glob("logic*.v")) if "shift_adder" in path.read_text())
        text = path.read_text()
        changed = re.sub(
            r"(shift_adder #\(\d+,\d+,\d,\d,\d+,-?\d+,-?\d+,)([01])", lambda m: m[1] + str(1 - int(m[2])), text, count=1
        )
        assert changed != text
        path.write_text(changed)
        return latency

    monkeypatch.setattr(encoder_export, "write_verilog", mutated)
    with pytest.raises(ExportError, match=r"^icarus: the firmware is not what .* \(vector \d+: .*; FAIL: \d+ of 1743"):
        export_small(tools=["icarus"])
    assert nothing_left(tmp_path)


@needs_fpga
@needs_icarus
@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_latency_off_by_one_fails_the_export(export_small, tmp_path, monkeypatch, wrong):
    bench = export_folder.bench
    late = lambda hardware, bits, latency, *rest: bench(hardware, bits, latency + wrong, *rest)  # noqa: E731
    monkeypatch.setattr(export_folder, "bench", late)
    with pytest.raises(ExportError, match="FAIL: "):
        export_small(tools=["icarus"])
    assert nothing_left(tmp_path)


@needs_fpga
@needs_icarus
def test_an_input_that_no_weight_is_left_of(export_small, tmp_path):
    """The network has no bits for it, and all others are in their places."""
    model = build_small(tmp_path)
    kernel = model.get_layer("encoder").get_layer("encoder_1").kernel
    kernel.assign(keras.ops.convert_to_numpy(kernel) * np.array([[1], [0], [1], [1]]))
    assert export_small(model=model, tools=["icarus"]).checks[2].simulated


@needs_fpga
def test_a_range_that_wraps_fails_the_export(export_small, tmp_path, monkeypatch):
    """Though all programs would agree on it."""
    monkeypatch.setattr(quantized, "BEYOND", "WRAP")
    wrapping = build_small(tmp_path)
    with pytest.raises(ExportError, match="encoder_1: a range of the network wraps"):
        export_small(model=wrapping, tools=())
    assert nothing_left(tmp_path)


@needs_fpga
def test_a_latent_that_wraps_fails_the_export(export_small, tmp_path, monkeypatch):
    """The last range alone, and without the look at each: its jump is found."""
    monkeypatch.setattr(quantized, "LATENT_INTEGERS", -2)  # the latent of jets goes far beyond [-1/4, 1/4)
    dense = quantized.fixed_point
    monkeypatch.setattr(quantized, "fixed_point", lambda *a: {**dense(*a), "overflow_mode": "WRAP"})
    wrapping = build_small(tmp_path)
    monkeypatch.setattr("atlas_keras.firmware.saturation._check_quantizers", lambda encoder: 0)
    with pytest.raises(ExportError, match="a number of the latent jumps where an input leaves its range"):
        export_small(model=wrapping, tools=())


@needs_fpga
def test_an_interpreter_that_differs_fails_the_export(export_small, tmp_path, monkeypatch):
    latent = TriggerEncoder.latent
    monkeypatch.setattr(TriggerEncoder, "latent", lambda self, rows: -latent(self, rows) - 2.0**-5)
    with pytest.raises(ExportError, match=r"alkaid: its interpreter is not what Keras computes \(\d+ of 1743"):
        export_small(tools=())
    assert nothing_left(tmp_path)


@needs_fpga
def test_what_is_missing_or_cannot_be_is_one_sentence(export_small, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="at least one random vector"):
        export_small(n_random=0, tools=())
    with pytest.raises(ConfigError, match="trained for another hardware format, Small jet"):
        export_small(hardware=read_hardware("cms-phase2"), tools=())
    monkeypatch.setattr(tools.shutil, "which", lambda program: None)
    with pytest.raises(ExportError, match="no simulator of Verilog is installed: `apt-get install iverilog`"):
        export_small()
    found = importlib.util.find_spec
    for name in ("alkaid", "hls4ml"):
        monkeypatch.setattr(importlib.util, "find_spec", lambda n, name=name: None if n == name else found(n))
        with pytest.raises(MissingExtraError, match=r"Firmware of a network needs .*'\.\[fpga\]'"):
            export_small(hls=True, tools=())
    assert nothing_left(tmp_path)


@needs_fpga
def test_sums_that_whole_numbers_do_not_hold(model, monkeypatch):
    monkeypatch.setattr(integer_network, "MOST_BITS", 5)
    with pytest.raises(ExportError, match=r"^encoder_1: a sum of \d+ bits; at most 5 can be computed$"):
        integer_network.integer_layers(model.get_layer("encoder"))


def coarse(model):
    """Return the encoder with sums of the last layer in units of 1/16, twice as coarse as its numbers, which saturate.

    The first unit has fewer bits than none, as training leaves units that nothing needs.
    """
    last = model.get_layer("encoder").get_layer("encoder_output")
    last.kernel.assign(4 * np.sign(keras.ops.convert_to_numpy(last.kernel)))
    last.bias.assign(np.zeros(2))
    part = next(weight for weight in last.iq.quantizer.weights if weight.name == "f")
    part.assign(keras.ops.convert_to_numpy(part) - np.array([[12, 0, 0, 0]]))
    return model


@needs_fpga
def test_ranges_whose_end_lies_between_sums(tmp_path):
    """They end where Keras lets them, 4 - 1/32, in the golden model and in the types that hls4ml gets."""
    encoder = TriggerEncoder.of(coarse(build_small(tmp_path)).get_layer("encoder"))
    last = encoder.layers[-1]
    assert (last.fraction, last.inputs[0].bits) == (4, 0)
    types = hls4ml_project._configuration(encoder.layers, encoder.network)["LayerName"]
    assert types["encoder_output_oq"]["Precision"] == {"result": "ap_fixed<8,3>"}
    rows = make_vectors(encoder.hardware, np.zeros((1, 4), np.int64), 100)["random"]
    latent = encoder.latent(rows)
    assert latent.max() == 4 - 2.0**-5
    (tmp_path / "emulation").mkdir()
    text = golden_encoder(encoder.hardware, encoder.codes, encoder.layers, encoder.word)
    (tmp_path / "emulation" / "golden.py").write_text(text)
    assert re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE) == ["numpy"]
    check_golden(tmp_path, encoder.hardware, rows, encoder.word.pack(latent))


@needs_fpga
@needs_hls4ml
@needs_compiler
@pytest.mark.slow
def test_hls4ml_keeps_ranges_whose_end_lies_between_sums(export_small, tmp_path):
    """Left to find types itself, it moves the end."""
    assert export_small(model=coarse(build_small(tmp_path)), tools=(), hls=True).checks[-1].simulated


@needs_fpga
@needs_hls4ml
def test_an_hls_project_that_differs_is_told(model, tmp_path):
    encoder = TriggerEncoder.of(model.get_layer("encoder"))
    rows = np.zeros((3, 4), np.int64)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr("hls4ml.converters.convert_from_keras_model", lambda *a, **k: Project())
        with pytest.raises(ExportError, match=r"hls4ml: its emulation is not what Keras computes \(3 of 3 words"):
            hls4ml_project.write_hls4ml(encoder, tmp_path / "hls", tmp_path, encoder.scaled(rows), encoder.latent(rows))


class Project:
    """What hls4ml makes, wrong."""

    def compile(self):
        """Do nothing."""

    def predict(self, scaled):
        """Return numbers that no encoder gives."""
        return np.full((len(scaled), 2), 9.0)


def test_other_encoders_are_refused(tmp_path):
    small = build_autoencoder("published", jets=jets(), widths=(4,))
    for preset in ("published", "folded"):
        model = small if preset == "published" else build_autoencoder(preset, jets=jets())
        with pytest.raises(
            ExportError, match=f"architecture '{preset}' cannot be converted to firmware: it computes with"
        ):
            export_encoder(model, tmp_path / "out", train=jets(), test=jets())
    assert nothing_left(tmp_path)


@needs_fpga
def test_the_command_tells_the_main_figures(model, tmp_path, capfd):
    run = tmp_path / "run"
    run.mkdir()
    model.save(run / "model.keras")
    (run / "config.json").write_text(json.dumps(preset_config("trigger").to_dict()))
    options = [str(run), "--out", str(tmp_path / "out")]
    assert export.main([*options, "--formats", "tflite"]) == 1
    assert "an encoder of the preset 'trigger' is exported as firmware: --formats verilog" in capfd.readouterr().err
    for arguments, message in (
        (["--formats", "hls"], "hls comes with verilog, by which it is proved: --formats verilog,hls"),
        (["--formats", "verilog,onnx"], "which tflite adds a decoder to; export onnx by itself"),
        (["--formats", "verilog", "--bound", "1e-2"], "--bound is not of --formats verilog with RUN"),
        (["--formats", "verilog", "--hardware", "cms"], "--hardware: unknown format 'cms'"),
        (["--formats", "verilog", "--hardware", "cms-phase2"], "trained for another hardware format"),
    ):
        assert export.main([*options, *arguments]) == 2
        assert message in capfd.readouterr().err
    assert nothing_left(tmp_path)
    assert export.main([*options, "--formats", "verilog", "--tools", "none"]) == 0
    said = capfd.readouterr().out
    assert "Small jet: 30 bits in, 2 numbers in a word of " in said
    assert "a packer without a network, " in said
    assert "verilog: simulated: false, not " in said
    assert said.splitlines()[-1] == f"firmware: {tmp_path / 'out'}"


def test_words_come_back():
    word = LatentWord((Number(5, 3, True), Number(3, -1, False), Number(4, 6, True)))
    latent = np.array([[-2.0, 14.0, -0.125], [1.875, 0.0, 0.109375]])
    np.testing.assert_array_equal(word.unpack(word.pack(latent)), latent)
    assert LatentWord.from_dict(word.to_dict()) == word
    for wrong in ([2.0, 0, 0], [0.01, 0, 0], [0, -2, 0]):
        with pytest.raises(ValueError, match="is no fixed-point number of"):
            word.pack([wrong])
    with pytest.raises(ConfigError, match="1 to 64 bits, and this latent has 65"):
        replace(word, numbers=(Number(65, 0, True),))


def test_what_is_no_encoder(tmp_path):
    path = tmp_path / "decoder.json"
    for text in ("{}", '{"numbers": 3}', '{"numbers": [{"bits": 3}]}'):
        path.write_text(text)
        with pytest.raises(ExportError, match=r"decoder\.json: is no decoder\.json of an encoder \("):
            LatentWord.read(path)
