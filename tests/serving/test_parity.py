"""What other programs load computes what the Keras model computes, and what does not is refused."""

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from atlas_keras import load_jets
from atlas_keras.errors import ExportError, RunError
from atlas_keras.kinematics import delta_phi, momentum
from atlas_keras.layers import Fold
from atlas_keras.models.prediction import predict
from atlas_keras.output import write_json
from atlas_keras.presets import PRESETS
from atlas_keras.serving import export_autoencoder, open_export
from atlas_keras.serving.extremes import extreme_jets
from atlas_keras.serving.manifest import list_files
from atlas_keras.serving.parity import EXACT, KerasFunctions, Reference, Tolerance, check, compare
from tests.conftest import REAL_DATA

FILES = ("saved_model", "encoder.tflite", "decoder.tflite", "autoencoder.tflite", "encoder.onnx", "decoder.onnx")


@pytest.mark.parametrize("preset", PRESETS)
def test_float32_exports_are_the_keras_model(preset, models, splits, tmp_path):
    model, folder = models(preset), tmp_path / "out"
    data = {"train": splits["train"], "test": splits["test"]}
    formats = ("saved_model", "tflite", "onnx")
    manifest = export_autoencoder(model, folder, formats=formats, timing=False, n_extreme=20_000, **data)
    check_manifest(manifest, folder, preset)
    check_operations(folder)
    check_any_number_of_jets(folder, splits["test"])
    check_every_jet(model, folder, splits["test"])
    check_every_jet(model, folder, extreme_jets())
    real = REAL_DATA / "monojet_Zp2000.0_DM_50.0_chan3.csv"
    if real.exists():
        check_every_jet(model, folder, load_jets(real)[["E", "pt", "eta", "phi"]].to_numpy(np.float32))


def deviations(actual, expected):
    """Relative of E and pt, absolute of eta and phi; this test does not use what it tests."""
    a, b = actual.astype(np.float64).T, expected.astype(np.float64).T
    return np.abs([a[0] / b[0] - 1, a[1] / b[1] - 1, a[2] - b[2], delta_phi(a[3], b[3])])


def check_every_jet(model, folder, jets):
    """SavedModel, LiteRT and ONNX: the encoder of one with the decoder of another."""
    encoder, decoder = (model.get_layer(name) for name in ("encoder", "decoder"))
    folds = [layer for layer in encoder.layers if isinstance(layer, Fold)]
    expected = predict(decoder, predict(encoder, jets))
    opened = {name: open_export(folder / name) for name in FILES}
    encoders = {name: functions["encode"] for name, functions in opened.items() if "encode" in functions}
    decoders = {name: functions["decode"] for name, functions in opened.items() if "decode" in functions}
    assert len(encoders) == len(decoders) == 4
    if folds:
        half_cells = 2 ** (folds[0].bits - 1)
        cells = np.floor(predict(encoder, jets)[:, 2] * half_cells)
    others = [*list(decoders.values())[1:], *decoders.values()]
    for encode, decode in zip(encoders.values(), others, strict=False):
        latent = encode(jets)
        decoded = decode(latent)
        found = deviations(decoded, expected).max(axis=1)
        if not folds:
            assert np.all(found <= 5e-6), found
            continue
        assert np.all(found[1:] <= 5e-6), found
        assert np.array_equal(np.floor(latent[:, 2] * half_cells), cells)
        check_bounds_of_folded(jets, decoded)


def check_bounds_of_folded(jets, decoded):
    """Check what the README promises of a jet that comes back, wherever it came from."""
    errors = deviations(decoded, jets)
    excess = np.maximum(jets[:, 0].astype(np.float64) / momentum(jets[:, 1], jets[:, 2]), 1)
    rho = np.sqrt(2 * np.log(excess))
    assert errors[0][rho <= 1].max() <= 0.01
    assert errors[0].max() <= 0.03
    assert errors[1:3].max() <= 1e-5
    assert errors[3].max() <= 4e-4
    assert np.all(decoded[:, 0] > momentum(decoded[:, 1], decoded[:, 2]))


def test_extreme_jets_are_what_they_say():
    jets = extreme_jets().astype(np.float64)
    e, pt, eta, phi = jets.T
    assert len(jets) == 100_000
    assert pt.min() == 5
    assert pt.max() == 1e7
    assert eta.min() == -5
    assert eta.max() == 5
    assert np.sum(phi == np.float32(np.pi)) > 100
    assert np.sum(phi == -np.float32(np.pi)) > 100
    ratio = e / momentum(pt, eta)
    assert np.sum(ratio < 1 - 5e-6) > 500
    assert np.sum(np.abs(ratio - 1) < 1e-6) > 500
    assert np.sqrt(2 * np.log(ratio.max())) == pytest.approx(2, abs=1e-6)
    np.testing.assert_allclose(extreme_jets(1000, unit="GeV")[:, :2] * 1000, extreme_jets(1000)[:, :2], rtol=1e-6)


def check_any_number_of_jets(folder, jets):
    for name in ("saved_model", "autoencoder.tflite", "encoder.onnx"):
        functions = open_export(folder / name)
        expected = functions["encode"](jets[:50])
        for n in (1, 7):
            np.testing.assert_allclose(functions["encode"](jets[:n]), expected[:n], rtol=1e-6, atol=2e-6)
    assert open_export(folder / "saved_model")["reconstruct"](jets[:0]).shape == (0, 4)


def check_operations(folder):
    """LiteRT files have built-in operations only."""
    for path in folder.glob("*.tflite"):
        names = [operation["op_name"] for operation in Interpreter(model_path=str(path))._get_ops_details()]
        assert names
        assert not [name for name in names if name.startswith("Flex") or name == "CUSTOM"]


def check_manifest(manifest, folder, preset):
    assert manifest == json.loads((folder / "manifest.json").read_text())
    files = list_files(folder)
    del files["manifest.json"]
    assert manifest["files"] == files
    assert [export["name"] for export in manifest["exports"]] == list(FILES)
    assert manifest["preset"] == preset
    assert list(manifest["units"].items()) == [("E", "MeV"), ("pt", "MeV"), ("eta", "1"), ("phi", "rad")]
    for export in manifest["exports"]:
        assert set(export["parity"]) == {"test", "extreme"}
        for figures in export["parity"].values():
            assert set(figures) == set(export["signatures"])
            for found in figures.values():
                assert all(found["mean"][name] <= found["max"][name] <= 0.03 for name in ("E", "pt", "eta", "phi"))
                assert found.get("wrong_cells", 0) == 0


@pytest.fixture
def reference(models, splits):
    def make(preset):
        return Reference(KerasFunctions(models(preset)), splits["test"])

    return make


@pytest.mark.parametrize(
    ("variable", "change"), [(0, np.float32(1e-5)), (1, np.float32(1e-5)), (2, np.float32(1e-5)), (3, np.float32(1e-5))]
)
def test_one_wrong_jet_is_found_and_named(reference, variable, change):
    reference = reference("kinematic")

    def decode(latent):
        decoded = reference.decoded.copy()
        decoded[77, variable] += change * (decoded[77, variable] if variable < 2 else 1)
        return decoded

    figures = compare({"decode": decode}, reference)
    name = ("E", "pt", "eta", "phi")[variable]
    assert figures["decode"]["worst"] == {"variable": name, "jet": reference.jets[77].tolist()}
    with pytest.raises(ExportError, match=f"decoder.tflite: decode.*max deviation of {name} is 1e-05 on test"):
        check("decoder.tflite", {"test": figures, "extreme": figures}, EXACT)


def test_not_a_number_is_found(reference):
    reference = reference("kinematic")

    def decode(latent):
        return np.where(np.arange(len(latent))[:, None] == 5, np.nan, reference.decoded)

    figures = compare({"decode": decode}, reference)
    with pytest.raises(ExportError, match="is inf"):
        check("x", {"test": figures, "extreme": figures}, Tolerance(np.inf, 1e300))


def test_a_folded_jet_in_the_wrong_cell_is_found(reference):
    reference = reference("folded")

    def encode(jets):
        latent = reference.latent.copy()
        latent[3, 2] += np.float32(1 / reference.half_cells) * (-1 if latent[3, 2] > 0 else 1)
        return latent

    figures = compare({"encode": encode}, reference)
    assert figures["encode"]["wrong_cells"] == 1
    with pytest.raises(ExportError, match="1 test jets into a wrong cell of phi"):
        check("x", {"test": figures, "extreme": figures}, Tolerance(1, 1, 1))


def test_rounding_of_the_folded_latent_is_no_error_but_more_is(reference):
    reference = reference("folded")

    def shifted(steps, every):
        """Move the third number of some jets, unless it leaves its cell."""
        moved = reference.latent.copy()
        moved[::every, 2] += np.float32(steps * 2.0**-24)
        inside = reference.cells(moved) == reference.cells(reference.latent)
        figures = compare({"encode": lambda jets: np.where(inside[:, None], moved, reference.latent)}, reference)
        return {"test": figures, "extreme": figures}

    figures = shifted(1, every=100)
    assert figures["test"]["encode"]["max"]["E"] > 1e-5
    check("x", figures, EXACT)
    with pytest.raises(ExportError, match="mean deviation of E"):
        check("x", shifted(1, every=1), EXACT)
    with pytest.raises(ExportError, match="max deviation of E"):
        check("x", shifted(20, every=500), EXACT)


def test_an_export_that_misses_its_tolerance_leaves_nothing_but_what_was_there(models, splits, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_json(out / "manifest.json", {"old": True})
    data = {"train": splits["train"], "test": splits["test"]}
    with pytest.raises(ExportError, match=r"encoder\.tflite: encode is not what the Keras model computes"):
        export_autoencoder(
            models("kinematic"),
            out,
            formats=["tflite"],
            tolerance=1e-9,
            timing=False,
            n_extreme=1000,
            force=True,
            **data,
        )
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "manifest.json"]
    assert json.loads((out / "manifest.json").read_text()) == {"old": True}


def test_a_folder_that_is_no_export_is_not_replaced(models, splits, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="no folder of exports"):
        export_autoencoder(models("kinematic"), tmp_path, train=splits["train"], test=splits["test"], force=True)
    assert (tmp_path / "thesis.tex").read_text() == "precious"
