"""What users of the exports do in environments that lack this package; and the install without TensorFlow."""

import subprocess
from pathlib import Path

import numpy as np

from atlas_keras import load_autoencoder, load_jets
from atlas_keras.serving.parity import Precisions, Reference
from tests.environments import build_wheel, install, installed_environment, linked_environment
from tests.rounding import check_jets

ROOT = Path(__file__).parents[1]
EXPORTS = ROOT / "exports"
SHOWN = "preset {}, columns E [MeV] pt [MeV] eta [1] phi [rad]"
WITHOUT_TENSORFLOW = """
import sys
from atlas_keras import JetDecoder, JetEncoder
folder = sys.argv[1]
encoder = JetEncoder(folder + "/encoder.tflite")
decoder = JetDecoder(folder + "/decoder.tflite", fingerprint=encoder.fingerprint)
back = decoder(encoder([[647093, 530443, 0.632603, -0.442608]]))
assert abs(back[0, 0] / 647093 - 1) < 1e-3, back
assert not {"tensorflow", "keras", "pandas"} & set(sys.modules)
"""


def run(python, *arguments, folder):
    """Run in a folder of its own, so that nothing of the checkout is found by chance."""
    command = [str(python), "-I", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env={})
    assert done.returncode == 0, done.stderr
    return done.stdout


def packages_in(python, folder):
    names = ["tensorflow", "keras", "atlas_keras", "numpy"]
    code = f"import importlib.util as u; print(*[n for n in {names} if u.find_spec(n)])"
    return run(python, "-c", code, folder=folder).split()


def check_back(back, jets, preset):
    check_jets(back, Reference(Precisions(load_autoencoder(EXPORTS / preset / "run")), jets))


def test_exports_in_environments_without_this_package(tmp_path):
    """Show, encode in one process and decode in another by another format; then install the package for edges."""
    litert = installed_environment(tmp_path / "edge", "numpy", "ai-edge-litert"), EXPORTS / "use_litert.py"
    saved = linked_environment(tmp_path / "tensorflow", "tensorflow", without=["keras"]), EXPORTS / "use_saved_model.py"
    assert packages_in(litert[0], tmp_path) == ["numpy"]
    assert packages_in(saved[0], tmp_path) == ["tensorflow", "numpy"]
    for consumer in (litert, saved):
        shown = run(*consumer, folder=tmp_path)
        assert SHOWN.format("folded") in shown
        assert shown.count("->") >= 2
    kinematic = ["--folder", EXPORTS / "kinematic"]
    assert SHOWN.format("kinematic") in run(*litert, *kinematic, "--quantisation", "int8", folder=tmp_path)

    jets = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)
    np.save(tmp_path / "jets.npy", jets)
    for preset, first, second in (("kinematic", litert, saved), ("folded", saved, litert)):
        folder = ["--folder", EXPORTS / preset]
        run(*first, *folder, "--encode", "jets.npy", "latent.npy", folder=tmp_path)
        run(*second, *folder, "--decode", "latent.npy", "back.npy", folder=tmp_path)
        check_back(np.load(tmp_path / "back.npy"), jets, preset)

    check_package_without_tensorflow(litert[0], tmp_path)


def check_package_without_tensorflow(python, folder):
    install(python, "--no-deps", str(build_wheel(ROOT, folder / "dist")))
    run(python, "-c", WITHOUT_TENSORFLOW, EXPORTS / "folded", folder=folder)
    command = [str(python), "-I", "-m", "atlas_keras", "train", "--out", "run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env={})
    assert done.returncode == 1
    assert done.stderr.startswith("atlas-keras train: tensorflow is not installed: this install runs exported encoders")
    assert done.stderr.count("\n") == 1
