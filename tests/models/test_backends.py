"""The models on another backend of Keras than TensorFlow: what they compute, and what says that it needs TensorFlow."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from atlas_keras import load_autoencoder, load_jets
from atlas_keras.models.prediction import predict
from atlas_keras.serving.parity import Reference
from tests.rounding import check_jets

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
import keras, numpy as np
import atlas_keras
from atlas_keras.errors import RunError
from atlas_keras.models.prediction import predict
from atlas_keras.train import main

jets = np.load("jets.npy")
for preset in ("folded", "kinematic"):
    model = keras.saving.load_model(f"{sys.argv[1]}/exports/{preset}/run/model.keras")
    encoder, decoder = (model.get_layer(name) for name in ("encoder", "decoder"))
    ways = (model(jets), model.predict(jets, verbose=0), predict(model, jets), decoder(encoder(jets)))
    np.save(f"{preset}.npy", np.stack([keras.ops.convert_to_numpy(jets_hat) for jets_hat in ways]))
    assert model(jets[:0]).shape == predict(model, jets[:0]).shape == (0, 4)
model.compile("adam", loss=atlas_keras.NormalizedLoss())
assert np.isfinite(model.fit(jets, batch_size=100, verbose=0).history["loss"][0])
assert atlas_keras.build_autoencoder("published", jets=jets, widths=(8,))(jets).shape == jets.shape
assert main(["--out", "run"]) == 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_models_run_on_other_backends(backend, precisions_of, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    jets = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:200]
    np.save(tmp_path / "jets.npy", jets)
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(ROOT)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"this command needs TensorFlow, and Keras runs on {backend}" in done.stderr
    assert not (tmp_path / "run").exists()
    for preset in ("folded", "kinematic"):
        model = load_autoencoder(ROOT / "exports" / preset / "run")
        reference = Reference(precisions_of(model), jets)
        for jets_hat in [*np.load(tmp_path / f"{preset}.npy"), predict(model, jets)]:
            check_jets(jets_hat, reference)
