"""A `.keras` file that is damaged, hostile or of another Keras: a model or one sentence, whatever library notices."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from atlas_keras import build_autoencoder, load_autoencoder
from atlas_keras.errors import ConfigError, RunError

JETS = np.array([[120e3, 100e3, 0.5, 1.0], [90e3, 60e3, -1.0, -2.0], [50e3, 45e3, 0.1, 3.0]], np.float32)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Return the members of a saved model."""
    file = tmp_path_factory.mktemp("model") / "model.keras"
    build_autoencoder("published", jets=JETS, widths=(4,)).save(file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.keras"


def write(file, members, compression=zipfile.ZIP_STORED):
    """Write a `.keras` file whose checksums are right, whatever is in it."""
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def sentence(file):
    with pytest.raises(RunError) as caught:
        load_autoencoder(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    assert len(message.removeprefix(str(file))) < 500
    return message


def loads(file):
    """Tell whether it loads; else the error is one sentence."""
    try:
        assert isinstance(load_autoencoder(file), keras.Model)
    except RunError:
        sentence(file)
        return False
    return True


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_any_flipped_bytes_give_a_model_or_one_sentence(members, file, member):
    """The checksums are those of the flipped bytes: Keras and HDF5 see them."""
    rng, loaded = np.random.default_rng(0), []
    for _ in range(60):
        content = np.frombuffer(members[member], np.uint8).copy()
        positions = rng.integers(0, len(content), rng.integers(1, 20))
        content[positions] ^= rng.integers(1, 256, len(positions), np.uint8)
        write(file, {**members, member: content.tobytes()})
        loaded.append(loads(file))
    assert not all(loaded)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_damaged_archive(members, file, compression):
    write(file, members, compression)
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:  # nothing of metadata.json is needed to load a model
        starts = [archive.getinfo(name).header_offset + 30 + len(name) for name in ("config.json", "model.weights.h5")]
    for start in starts:
        file.write_bytes(whole[:start] + bytes(byte ^ 0xFF for byte in whole[start : start + 20]) + whole[start + 20 :])
        assert "truncated or damaged (" in sentence(file)
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert "truncated or damaged (" in sentence(file)


@pytest.mark.parametrize("missing", ["config.json", "model.weights.h5"])
def test_a_part_is_missing(members, file, missing):
    write(file, {name: content for name, content in members.items() if name != missing})
    assert "no model that can be loaded (" in sentence(file)


def changed(members, old, new):
    """Return the members with another configuration."""
    text = members["config.json"].decode()
    assert old in text
    return {**members, "config.json": text.replace(old, new).encode()}


def test_a_huge_layer(members, file):
    write(file, changed(members, '"units": 4', f'"units": {10**20}'))
    assert "no model that can be loaded (" in sentence(file)


def out_of_memory(*args, **options):
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nwith shape[4,9999999999999]")


def test_a_layer_that_exceeds_the_memory(members, file, monkeypatch):
    """TensorFlow's own error, which it gives after ten seconds of trying."""
    write(file, members)
    monkeypatch.setattr(keras.saving, "load_model", out_of_memory)
    assert sentence(file).endswith("no model that can be loaded (OOM when allocating tensor)")


@pytest.mark.parametrize("config", ["[" * 100_000, '{"a":' * 100_000, "", "null", "[]", "3", '{"class_name": 3}', "\0"])
def test_a_configuration_of_something_else(members, file, config):
    write(file, {**members, "config.json": config.encode()})
    sentence(file)


def test_a_weight_that_is_missing_or_of_another_shape(members, file):
    names = []
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as weights:
        weights.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    assert len(names) >= 8
    for name in names:
        for shape in (None, (3, 5)):
            content = io.BytesIO(members["model.weights.h5"])
            with h5py.File(content, "r+") as weights:
                del weights[name]
                if shape:
                    weights[name] = np.zeros(shape, np.float32)
            write(file, {**members, "model.weights.h5": content.getvalue()})
            sentence(file)


def test_a_layer_is_no_model(members, file):
    layer = {"module": "keras.layers", "class_name": "Rescaling", "config": {"scale": 2.0}, "registered_name": None}
    write(file, {**members, "config.json": json.dumps(layer).encode()})
    sentence(file)


def test_code_in_a_file_is_not_run(members, file):
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs)).save(file)
    assert "safe_mode" in sentence(file) or "unsafe" in sentence(file)


def of_version(members, version):
    """Return the members as another Keras could have written them: this one does not know a field of theirs."""
    metadata = {"keras_version": version, "date_saved": "2030-01-01@00:00:00"}
    foreign = changed(members, '"units": 4', '"units": 4, "unknown": 1')
    return {**foreign, "metadata.json": json.dumps(metadata).encode()}


@pytest.mark.parametrize("version", ["99.1.0", "3.0.0", "99.0.0.dev20300101"])
def test_a_file_of_another_keras_names_both_versions(members, file, version):
    write(file, of_version(members, version))
    message = sentence(file)
    assert f"saved by Keras {version}, which the installed Keras {keras.version()} cannot load" in message
    assert f"`pip install keras=={version}` (" in message
    file.write_bytes(file.read_bytes()[:-10])  # damaged besides: its version is not what is wrong
    assert "truncated or damaged (" in sentence(file)


@pytest.mark.parametrize("version", [None, 3, [], {}, "", "new", "9\n9", "9" * 1000, keras.version()], ids=str)
def test_a_version_that_says_nothing_is_not_told(members, file, version):
    write(file, of_version(members, version))
    assert "no model that can be loaded (" in sentence(file)


@pytest.mark.parametrize("metadata", [b"", b"\xff", b"[" * 100_000, b"{}", b"[1]", b'"' + b"9" * 10**6 + b'"'])
def test_metadata_of_any_kind(members, file, metadata):
    write(file, {**members, "metadata.json": metadata})
    assert loads(file)
    write(file, {**of_version(members, "99.1.0"), "metadata.json": metadata})
    assert "no model that can be loaded (" in sentence(file)


def test_a_file_that_unfolds_to_gigabytes_is_refused_before(members, tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content + b" " * (70 << 20) * (name == "config.json"))
    with pytest.raises(RunError, match=r"bomb\.keras: unfolds to 7\d MB, \d+ times its size"):
        load_autoencoder(path)


@pytest.mark.parametrize("name", ["foo", "foo\nbar", ""])
def test_an_activation_that_keras_does_not_have_is_told(name):
    with pytest.raises(ConfigError, match="Keras has no activation"):
        build_autoencoder("kinematic", activation=name)
