"""Autoencoders of triggers: their inputs are what a packer has, bits count in the loss, nothing wraps; bad input."""

import importlib.util

import keras
import numpy as np
import pytest

from atlas_keras import NormalizedLoss, build_autoencoder, load_autoencoder, preset_config
from atlas_keras.errors import ConfigError, MissingExtraError
from atlas_keras.firmware.hardware_format import Hardware, read_hardware
from atlas_keras.firmware.packer import Packer
from atlas_keras.layers.jet_variables import JetVariables
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.hardware_codes import HardwareCodes
from atlas_keras.models.prediction import predict
from atlas_keras.schema import Collection, Column
from atlas_keras.schema_files import from_toml
from atlas_keras.train import main
from tests.firmware.small_encoder import HARDWARE, build_small, jets

needs_hgq = pytest.mark.skipif(importlib.util.find_spec("hgq") is None, reason="the extra fpga is not installed")


def codes_of(packer, unit="GeV"):
    return HardwareCodes(packer.hardware.to_dict(), [code.to_dict() for code in packer.codes], unit)


@pytest.mark.parametrize("unit", ["GeV", "MeV"])
def test_codes_are_those_of_the_packer(unit):
    """For every value of every field, from physical values."""
    packer = Packer.plan(read_hardware("cms-phase2"))
    fields = packer.hardware.fields
    t = np.arange(1 << 17)
    rows = np.stack([(t * (2 * i + 1) & (1 << f.bits) - 1) + f.low for i, f in enumerate(fields)], axis=1)
    layer = codes_of(packer, unit)
    values = np.stack([f.values(x) / layer.factor(f) for f, x in zip(fields, rows.T, strict=True)], axis=1)
    scaled = predict(keras.Sequential([keras.Input((4,)), layer]), values)
    cells = scaled * 2.0 ** (layer.bits - 2) + 2.0 ** (layer.bits - 1)
    expected = np.stack([c.encode(x - f.low) for c, f, x in zip(packer.codes, fields, rows.T, strict=True)], axis=1)
    np.testing.assert_array_equal(cells, expected)
    back = predict(keras.Sequential([keras.Input((4,)), layer.inverse()]), scaled)
    middles = packer.decode(packer.encode(rows)) / [layer.factor(f) for f in fields]
    np.testing.assert_allclose(back, middles, rtol=1e-5, atol=1e-5)


def test_what_hardware_cannot_hold_saturates_and_angles_wrap():
    layer = codes_of(Packer.plan(from_toml(HARDWARE, Hardware)))
    ends = np.array([[1e6, 3.2, 9.9, 1e4], [0, -3.2, -9.9, 0]], np.float32)
    scaled = keras.ops.convert_to_numpy(layer(ends))
    low, high = scaled.min(axis=0), scaled.max(axis=0)
    np.testing.assert_array_equal(low[[0, 2, 3]], -2.0)
    assert (high[[0, 2, 3]] < 2).all()
    assert scaled[0, 1] < 0 < scaled[1, 1]  # behind pi comes -pi


def test_variables_come_back():
    layer = JetVariables(["pt", "phi", "eta", "mass"])
    given = jets() / np.float32([1e3, 1e3, 1, 1])
    variables = layer(given)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variables)[:, :3], given[:, [1, 3, 2]])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer.inverse()(variables)), given, rtol=1e-5)
    with pytest.raises(ValueError, match="A jet has pt, eta, phi, mass"):
        JetVariables(["pt", "eta", "phi", "E"])


@needs_hgq
def test_saving_loading_and_building_again_change_nothing(tmp_path):
    keras.utils.set_random_seed(1)
    model = build_small(tmp_path)
    model.save(tmp_path / "model.keras")
    model.get_layer("encoder").save(tmp_path / "encoder.keras")
    keras.utils.set_random_seed(1)
    again, loaded = build_small(tmp_path), load_autoencoder(tmp_path / "model.keras")
    assert fingerprint(model) == fingerprint(again) == fingerprint(loaded)
    np.testing.assert_array_equal(predict(loaded, jets()), predict(model, jets()))
    encoder = load_autoencoder(tmp_path / "encoder.keras")
    latent = predict(encoder, jets())
    np.testing.assert_array_equal(latent, predict(model.get_layer("encoder"), jets()))
    assert (latent * 2**5 == np.rint(latent * 2**5)).all()  # 8 bits in [-4, 4)
    assert fingerprint(build_small(tmp_path, latent_bits=9)) != fingerprint(model)


@needs_hgq
def test_it_begins_as_principal_components():
    model = build_autoencoder("trigger", jets=jets())
    x, back = jets(), predict(model, jets())
    assert abs(back[:, 1] / x[:, 1] - 1).mean() < 0.05
    assert abs(back[:, 2] - x[:, 2]).mean() < 0.05


def bit_operations(model):
    return sum(int(layer.ebops) for layer in model.get_layer("encoder").layers if hasattr(layer, "ebops"))


@needs_hgq
def test_bits_count_in_the_loss(tmp_path):
    model = build_small(tmp_path, bit_weight=1e-2)
    model.compile(loss=NormalizedLoss())
    rows = predict(model.training_setup.normalize, jets())
    own = float(model.objective(rows, model.training_setup.trained(rows)))
    told = float(model.compute_loss(jets(), jets(), model(jets(), training=True), training=True))
    assert bit_operations(model) > 500
    assert told == pytest.approx(own + 1e-2 * bit_operations(model), rel=1e-3)


@needs_hgq
@pytest.mark.slow
def test_bits_become_fewer(tmp_path):
    found = []
    for bit_weight in (0.0, 1e-2):
        model = build_small(tmp_path, bit_weight=bit_weight)
        model.compile(keras.optimizers.Adam(2e-2), loss=NormalizedLoss())
        losses = model.fit(jets(), batch_size=100, epochs=5, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        found.append(bit_operations(model))
    assert found[1] < 0.9 * found[0]


@needs_hgq
def test_a_score_estimates_the_error_of_its_jet_and_of_strangers(tmp_path):
    model = build_small(tmp_path, score=True)
    assert model.get_layer("encoder").output_shape == (None, 3)
    assert predict(model, jets(10)).shape == (10, 4)
    objective, n = model.objective, 4
    back, went_in = np.zeros((2, n), np.float32), np.zeros((2, n), np.float32)
    back[:, 0] = [0.5, 1.0]
    error = np.square(back[:, 0] * 2.0 ** (objective.bits[0] - 2)) / n / objective.usual
    right = np.log2(error + 1e-3)[:, None] / 2
    for wrong in (0.0, 0.5):
        own = np.concatenate([back, right + wrong, went_in], axis=1)
        strangers = np.concatenate([back, right - 2 * wrong, went_in], axis=1)
        loss = float(objective(went_in, np.concatenate([own, strangers], axis=1).astype(np.float32)))
        assert loss == pytest.approx(error.mean() + wrong**2 + (2 * wrong) ** 2, rel=1e-4)


@needs_hgq
def test_strangers_are_of_the_training_alone(tmp_path):
    trained = build_small(tmp_path, score=True).training_setup.trained
    rows = np.zeros((500, 4), np.float32) + 0.25
    own, strangers = np.split(keras.ops.convert_to_numpy(trained(rows)), 2, axis=1)
    np.testing.assert_array_equal(own, strangers)
    np.testing.assert_array_equal(own[:, 5:], rows)
    own, strangers = np.split(keras.ops.convert_to_numpy(trained(rows, training=True)), 2, axis=1)
    np.testing.assert_array_equal(own[:, 5:], rows)
    replaced = (strangers[:, 5:] != rows).mean()
    assert 0.1 < replaced < 0.2  # 0.15 of all codes, and 2000 of them
    assert np.abs(strangers[:, 5:]).max() <= 2


@needs_hgq
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "tanh"}, "model.activation of a trigger is relu. Received: 'tanh'"),
        ({"hardware": "atlas-jfex"}, "is no format of jets with pt, eta, phi, mass"),
        ({"hardware": "gone.toml"}, "gone.toml: No such file"),
        ({"hardware": "cms"}, "unknown format 'cms'"),
        ({"widths": ()}, "has one layer at least"),
        ({"latent_bits": 1}, "model.latent_bits is 2 to 24. Received: 1"),
        ({"n_latent": 4, "latent_bits": 17}, "A word has at most 64 bits. Received: 4 numbers of 17"),
        ({"weight_bits": 0}, "model.weight_bits is 1 to 16"),
        ({"bit_weight": -1.0}, "model.bit_weight is 0 to 1"),
    ],
)
def test_impossible_models_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_autoencoder("trigger", jets=jets(), **changes)


@needs_hgq
def test_other_columns_are_those_of_the_format_in_its_order(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(HARDWARE)
    columns = [Column("pt", "energy"), Column("phi", "angle"), Column("eta", "eta"), Column("mass", "mass")]
    rows = predict(keras.Sequential([keras.Input((4,)), JetVariables(["pt", "phi", "eta", "mass"])]), jets())
    options = {"jets": rows, "hardware": str(path), "widths": (4,), "n_latent": 2}
    model = build_autoencoder("trigger", collection=Collection("Jet", tuple(columns)), **options)
    np.testing.assert_array_equal(predict(model.training_setup.normalize, rows), predict(
        build_small(tmp_path).training_setup.normalize, jets()
    ))  # fmt: skip
    with pytest.raises(ConfigError, match="are, in this order, pt,phi,eta,mass; give --features so"):
        build_autoencoder("trigger", collection=Collection("Jet", tuple(columns[::-1])), **options)


def test_without_the_extra(tmp_path, monkeypatch):
    file = tmp_path / "model.keras"
    if importlib.util.find_spec("hgq") is not None:
        build_small(tmp_path).save(file)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    sentence = (
        r"A quantized encoder needs an optional package: `pip install '\.\[fpga\]'` in a checkout, or `pip install"
    )
    with pytest.raises(MissingExtraError, match=sentence):
        build_autoencoder("trigger", jets=jets())
    if file.exists():
        with pytest.raises(MissingExtraError, match=sentence):
            load_autoencoder(file)


def test_the_hardware_of_other_presets(tmp_path, capsys):
    assert main(["--hardware", "cms-phase2", "--out", str(tmp_path / "run")]) == 2
    assert "--hardware is of the preset trigger, and not of 'folded'" in capsys.readouterr().err
    assert preset_config("trigger").model.hardware == "cms-phase2"
