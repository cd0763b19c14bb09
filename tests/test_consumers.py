"""What users without this package do with its exports, in environments of theirs; and the install without TensorFlow."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from atlas_keras import load_autoencoder, load_jets
from atlas_keras.models.prediction import predict
from tests.environments import build_wheel, install, installed_environment, linked_environment

ROOT = Path(__file__).parents[1]
EXPORTS = ROOT / "exports"


@pytest.fixture(scope="module")
def edge_python(tmp_path_factory):
    """Python with numpy and ai-edge-litert, freshly installed."""
    return installed_environment(tmp_path_factory.mktemp("edge") / "env", "numpy", "ai-edge-litert")


@pytest.fixture(scope="module")
def tensorflow_python(tmp_path_factory):
    """Python with TensorFlow and what it needs, and without atlas_keras."""
    return linked_environment(tmp_path_factory.mktemp("tensorflow") / "env", "tensorflow")


def run(python, *arguments, folder):
    """Run in an empty folder, so that nothing of the checkout is found by chance."""
    command = [str(python), "-I", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env={})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_environments_lack_what_they_should(edge_python, tensorflow_python, tmp_path):
    code = "import importlib.util as u; print(*[n for n in {!r}.split() if u.find_spec(n)])"
    names = code.format("tensorflow keras atlas_keras numpy")
    assert run(edge_python, "-c", names, folder=tmp_path).split() == ["numpy"]
    assert "atlas_keras" not in run(tensorflow_python, "-c", names, folder=tmp_path)


@pytest.mark.parametrize("preset", ["folded", "kinematic"])
def test_consumers_show_their_jets(edge_python, tensorflow_python, preset, tmp_path):
    for python, name in ((edge_python, "use_litert.py"), (tensorflow_python, "use_saved_model.py")):
        shown = run(python, EXPORTS / name, "--folder", EXPORTS / preset, folder=tmp_path)
        assert f"preset {preset}, columns E [MeV] pt [MeV] eta [1] phi [rad]" in shown
        assert shown.count("->") >= 2


def test_the_latent_of_one_process_is_decoded_in_another_by_another_format(edge_python, tensorflow_python, tmp_path):
    jets = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)
    np.save(tmp_path / "jets.npy", jets)
    model = load_autoencoder(EXPORTS / "kinematic" / "run")
    consumers = (edge_python, EXPORTS / "use_litert.py"), (tensorflow_python, EXPORTS / "use_saved_model.py")
    for first, second in (consumers, consumers[::-1]):
        for preset in ("kinematic", "folded"):
            folder = ["--folder", EXPORTS / preset]
            run(*first, *folder, "--encode", "jets.npy", "latent.npy", folder=tmp_path)
            run(*second, *folder, "--decode", "latent.npy", "back.npy", folder=tmp_path)
            back = np.load(tmp_path / "back.npy")
            expected = predict(load_autoencoder(EXPORTS / preset / "run"), jets)
            np.testing.assert_allclose(back[:, 1], expected[:, 1], rtol=5e-6)
            np.testing.assert_allclose(back[:, 2:], expected[:, 2:], atol=5e-6)
            np.testing.assert_allclose(back[:, 0], expected[:, 0], rtol=5e-6 if preset == "kinematic" else 1e-3)
    assert model is not None


def test_the_package_installs_and_runs_without_tensorflow(edge_python, tmp_path):
    install(edge_python, "--no-deps", str(build_wheel(ROOT, tmp_path)))
    code = f"""
import sys
from atlas_keras import JetDecoder, JetEncoder
from atlas_keras.serving import read_metadata
encoder = JetEncoder({str(EXPORTS / "folded" / "encoder.tflite")!r})
decoder = JetDecoder({str(EXPORTS / "folded" / "decoder.tflite")!r}, fingerprint=encoder.fingerprint)
back = decoder(encoder([[647093, 530443, 0.632603, -0.442608]]))
assert abs(back[0, 0] / 647093 - 1) < 1e-3, back
assert not {{"tensorflow", "keras", "pandas"}} & set(sys.modules)
print("fine")
"""
    assert "fine" in run(edge_python, "-c", code, folder=tmp_path)
    command = [str(edge_python), "-m", "atlas_keras", "train", "--out", "run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={})
    assert done.returncode == 1
    assert done.stderr.startswith("atlas-keras train: tensorflow is not installed: this install runs exported encoders")
    assert "Traceback" not in done.stderr
