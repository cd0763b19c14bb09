"""Encode and decode jets with LiteRT files: numpy and ai-edge-litert are needed, TensorFlow and atlas_keras are not.

pip install numpy ai-edge-litert
python use_litert.py                                 shows what three jets come back as
python use_litert.py --encode JETS.npy LATENT.npy    jets (n, 4) -> latent (n, 3), both float32
python use_litert.py --decode LATENT.npy JETS.npy
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

HERE = Path(__file__).parent
JETS = np.array(  # E, pt [MeV], eta, phi [rad]
    [[647093, 530443, 0.632603, -0.442608], [338512, 304230, 0.465451, -3.04637], [377828, 170410, -1.43225, -2.75772]],
    np.float32,
)


def load(path, signature):
    """Open a file and give one of its functions, from array to array, for any number of rows."""
    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner(signature)
    (name_in,), (name_out,) = runner.get_input_details(), runner.get_output_details()
    return lambda rows: runner(**{name_in: np.asarray(rows, np.float32)})[name_out]


def main():
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE / "folded", help="folder of exports (default: folded)")
    parser.add_argument("--quantization", help="for example int8, where the folder has it")
    parser.add_argument("--encode", nargs=2, metavar=("JETS", "LATENT"))
    parser.add_argument("--decode", nargs=2, metavar=("LATENT", "JETS"))
    args = parser.parse_args()
    suffix = f".{args.quantization}.tflite" if args.quantization else ".tflite"
    encode = load(args.folder / f"encoder{suffix}", "encode")
    decode = load(args.folder / f"decoder{suffix}", "decode")
    if args.encode:
        np.save(args.encode[1], encode(np.load(args.encode[0])))
    elif args.decode:
        np.save(args.decode[1], decode(np.load(args.decode[0])))
    else:
        manifest = json.loads((args.folder / "manifest.json").read_text())
        print(f"preset {manifest['preset']}, columns", *(f"{name} [{u}]" for name, u in manifest["units"].items()))
        for jet, latent, back in zip(JETS, encode(JETS), decode(encode(JETS)), strict=True):
            print(f"{jet} -> {latent} -> {back}")


if __name__ == "__main__":
    main()
