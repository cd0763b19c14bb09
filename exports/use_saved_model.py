"""Encode and decode jets with a SavedModel in any TensorFlow program: neither Keras nor atlas_keras are needed.

python use_saved_model.py                                 shows what three jets come back as
python use_saved_model.py --encode JETS.npy LATENT.npy    jets (n, 4) -> latent (n, 3), both float32
python use_saved_model.py --decode LATENT.npy JETS.npy
"""

import argparse
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
JETS = np.array(  # E, pt [MeV], eta, phi [rad]
    [[647093, 530443, 0.632603, -0.442608], [338512, 304230, 0.465451, -3.04637], [377828, 170410, -1.43225, -2.75772]],
    np.float32,
)


class Autoencoder(tf.Module):
    """What a program that embeds the model writes: the signatures as methods, also for `tf.function` and `tf.data`."""

    def __init__(self, path):
        super().__init__()
        self.loaded = tf.saved_model.load(str(path))  # kept: its variables would be deleted with it

    def encode(self, jets):
        """Encode jets, shape (n, 4), float32: E, pt, eta, phi."""
        return self.loaded.signatures["encode"](jets=jets)["latent"]

    def decode(self, latent):
        """Decode what `encode` gave."""
        return self.loaded.signatures["decode"](latent=latent)["jets"]


def main():
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE / "folded", help="folder of exports (default: folded)")
    parser.add_argument("--encode", nargs=2, metavar=("JETS", "LATENT"))
    parser.add_argument("--decode", nargs=2, metavar=("LATENT", "JETS"))
    args = parser.parse_args()
    model = Autoencoder(args.folder / "saved_model")
    if args.encode:
        np.save(args.encode[1], model.encode(tf.constant(np.load(args.encode[0]))).numpy())
    elif args.decode:
        np.save(args.decode[1], model.decode(tf.constant(np.load(args.decode[0]))).numpy())
    else:
        manifest = json.loads((args.folder / "manifest.json").read_text())
        print(f"preset {manifest['preset']}, columns", *(f"{name} [{u}]" for name, u in manifest["units"].items()))
        encoded = tf.data.Dataset.from_tensor_slices(JETS).batch(2).map(model.encode)  # in an input pipeline
        for latent in encoded:
            print(f"{latent.numpy()} -> {model.decode(latent).numpy()}")


if __name__ == "__main__":
    main()
