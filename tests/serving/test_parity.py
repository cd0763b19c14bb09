"""What other programs load computes what the Keras model computes, and what does not is refused."""

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from atlas_keras import load_jets
from atlas_keras.checksum import list_files
from atlas_keras.config import preset_config
from atlas_keras.errors import ExportError, RunError
from atlas_keras.kinematics import momentum
from atlas_keras.output import write_json
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.serving import export_autoencoder, open_export
from atlas_keras.serving.extremes import extreme_jets
from atlas_keras.serving.parity import FLOAT32, SPREADS, Reference, Tolerance, check, compare, deviations
from tests.architectures import OF_FLOATS
from tests.conftest import REAL_DATA
from tests.rounding import check_jets

PARTS = {"encoder": "encode", "decoder": "decode"}
FILES = ("saved_model", "encoder.tflite", "decoder.tflite", "autoencoder.tflite", "encoder.onnx", "decoder.onnx")


@pytest.mark.parametrize(
    "preset",
    [pytest.param(p, marks=[pytest.mark.slow] if p != "folded" else []) for p in OF_FLOATS],
)
def test_float32_exports_are_the_keras_model(preset, models, precisions, splits, export_traced_once, tmp_path):
    model, folder = models(preset), tmp_path / "out"
    n = 300 if preset == "published" else 1000  # it has a hundred times the weights of the others
    data = {"train": splits["train"], "test": splits["test"][:n]}
    formats = ("saved_model", "tflite", "onnx")
    manifest = export_traced_once(model, folder, formats=formats, timing=False, n_extreme=max(n, 1000), **data)
    check_manifest(manifest, folder, preset)
    check_operations(folder)
    precisions = precisions(preset)
    opened = {name: open_export(folder / name) for name in FILES}
    check_any_number_of_jets(opened, precisions, splits["test"])
    check_every_jet(opened, preset, Reference(precisions, splits["test"][:n]))
    check_every_jet(opened, preset, Reference(precisions, extreme_jets(n, seed=1)))
    real = REAL_DATA / "monojet_Zp2000.0_DM_50.0_chan3.csv"
    if real.exists():
        jets = load_jets(real)[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:n]
        check_every_jet(opened, preset, Reference(precisions, jets))


def check_every_jet(opened, preset, reference):
    """SavedModel, LiteRT and ONNX: the encoder of one with the decoder of another, within the rounding of both."""
    encoders = {name: functions["encode"] for name, functions in opened.items() if "encode" in functions}
    decoders = {name: functions["decode"] for name, functions in opened.items() if "decode" in functions}
    assert len(encoders) == len(decoders) == 4
    others = [*list(decoders.values())[1:], *decoders.values()]
    for encode, decode in zip(encoders.values(), others, strict=False):
        decoded = decode(encode(reference.jets))
        check_jets(decoded, reference)
        if preset == "folded":
            check_bounds_of_folded(reference.jets, decoded)


def check_bounds_of_folded(jets, decoded):
    """Check what the README promises of a jet that comes back, wherever it came from."""
    errors = deviations(decoded, jets, FOUR_MOMENTUM).T
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


def check_any_number_of_jets(opened, precisions, jets):
    onnx = {name: opened[f"{part}.onnx"][name] for part, name in PARTS.items()}
    opened = [opened["saved_model"], opened["autoencoder.tflite"], onnx]
    for n in (1, 7):
        reference = Reference(precisions, jets[:n])
        for functions in opened:
            check_jets(functions["decode"](functions["encode"](jets[:n])), reference)
    for functions in opened:
        latent = functions["encode"](jets[:0])
        assert len(latent) == 0
        assert functions["decode"](latent).shape == (0, 4)
    assert opened[0]["reconstruct"](jets[:0]).shape == (0, 4)


def check_operations(folder):
    """LiteRT files have built-in operations only."""
    for path in folder.glob("*.tflite"):
        names = [operation["op_name"] for operation in Interpreter(model_path=str(path))._get_ops_details()]
        assert names
        assert not [name for name in names if name.startswith("Flex") or name == "CUSTOM"]


def check_manifest(manifest, folder, preset):
    assert manifest == json.loads((folder / "manifest.json").read_text())
    files = {name: file.to_dict() for name, file in list_files(folder).items()}
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
                for base in ("from_keras", "from_float64"):
                    mean, largest = found[base]["mean"], found[base]["max"]
                    assert all(mean[name] <= largest[name] <= 0.03 for name in ("E", "pt", "eta", "phi"))
                assert found["from_float64"]["spreads"] <= SPREADS
    for figures in manifest["keras_parity"].values():
        assert all(found["from_float64"]["spreads"] <= SPREADS for found in figures.values())


@pytest.mark.parametrize("variable", range(4))
def test_one_wrong_jet_is_found_and_named(reference, variable):
    reference = reference("kinematic")

    def decode(latent):
        decoded = reference.decoded.copy()
        decoded[77, variable] += np.float32(1e-5) * (decoded[77, variable] if variable < 2 else 1)
        return decoded

    figures = compare({"decode": decode}, reference)
    name = ("E", "pt", "eta", "phi")[variable]
    worst = {"variable": name, "jet": reference.jets[77].tolist()}
    assert figures["decode"]["from_keras"]["worst"] == figures["decode"]["from_float64"]["worst"] == worst
    with pytest.raises(ExportError, match=rf"decoder.tflite: decode.*: {name} of the test jet \[.*rounding to float32"):
        check("decoder.tflite", {"test": figures, "extreme": figures}, FLOAT32)


def test_not_a_number_is_found(reference):
    reference = reference("kinematic")

    def decode(latent):
        return np.where(np.arange(len(latent))[:, None] == 5, np.nan, reference.decoded)

    figures = compare({"decode": decode}, reference)
    with pytest.raises(ExportError, match="is inf"):
        check("x", {"test": figures, "extreme": figures}, Tolerance())


def test_a_folded_jet_in_the_wrong_cell_is_found(reference):
    reference = reference("folded")
    cells = 2 ** (preset_config("folded").model.phi_bits - 1)

    def encode(jets):
        latent = reference.latent.copy()
        latent[3, 2] += np.float32(1 / cells) * (-1 if latent[3, 2] > 0 else 1)
        return latent

    figures = compare({"encode": encode}, reference)
    assert figures["encode"]["from_float64"]["worst"] == {"variable": "phi", "jet": reference.jets[3].tolist()}
    with pytest.raises(ExportError, match="phi of the test jet"):
        check("x", {"test": figures, "extreme": figures}, FLOAT32)


def test_rounding_of_the_folded_latent_is_no_error_but_more_is(reference):
    reference = reference("folded")
    cells = 2 ** (preset_config("folded").model.phi_bits - 1)

    def shifted(steps):
        """Move the third number of all jets by units in its last place, unless it leaves its cell."""
        moved = reference.latent.copy()
        moved[:, 2] += np.float32(steps) * np.spacing(moved[:, 2])
        inside = np.floor(moved[:, 2] * cells) == np.floor(reference.latent[:, 2] * cells)
        figures = compare({"encode": lambda jets: np.where(inside[:, None], moved, reference.latent)}, reference)
        return {"test": figures, "extreme": figures}

    figures = shifted(1)
    assert figures["test"]["encode"]["from_keras"]["max"]["E"] > 1e-5
    check("x", figures, FLOAT32)
    with pytest.raises(ExportError, match="E of the test jet"):
        check("x", shifted(20), FLOAT32)


def test_an_export_that_misses_its_tolerance_leaves_nothing_but_what_was_there(
    models, splits, export_traced_once, tmp_path
):
    out = tmp_path / "out"
    out.mkdir()
    write_json(out / "manifest.json", {"old": True})
    data = {"train": splits["train"], "test": splits["test"][:500]}
    with pytest.raises(ExportError, match=r"encoder\.tflite: encode is not what the Keras model computes"):
        export_traced_once(
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
