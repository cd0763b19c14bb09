"""Quantized LiteRT files: what is quantized, what that costs, and what is refused."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from atlas_keras.errors import ExportError
from atlas_keras.kinematics import momentum
from atlas_keras.serving import export_autoencoder, litert_bytes, open_export, quantize
from atlas_keras.serving.extremes import extreme_jets
from atlas_keras.serving.parity import FLOAT32, Reference, check, compare
from atlas_keras.serving.request import QUANTIZATIONS

NAMES = [name for name in QUANTIZATIONS if name != "none"]
CORE_TYPES = {"dynamic": {"int8"}, "int8": {"int8", "int32"}, "int16x8": {"int8", "int16", "int64"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "quantizations"),
    [("kinematic", NAMES), ("published", ["float16", "int8"])],
    ids=lambda v: str(v)[:9],
)
def test_quantized_files(preset, quantizations, models, splits, export_traced_once, tmp_path):
    """That they are within their tolerances is proved by the export itself."""
    folder, data = tmp_path / "out", {"train": splits["train"], "test": splits["test"]}
    manifest = export_traced_once(
        models(preset),
        folder,
        formats=["tflite"],
        quantizations=quantizations,
        timing=False,
        n_extreme=1000,
        **data,
    )
    check_the_core_is_quantized_and_nothing_else(preset, folder, manifest)
    check_units_are_physical(folder)
    if preset == "published":
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        assert sizes["autoencoder.float16.tflite"] < 0.6 * 4 * 90_567
        assert sizes["autoencoder.int8.tflite"] < 0.4 * 4 * 90_567
    else:
        check_no_jet_is_spacelike(folder, quantizations)


def operations(path):
    """Return each operation's name, the name of what it gives, and the types of all that it takes and gives."""
    interpreter = Interpreter(model_path=str(path))
    tensors = {d["index"]: d for d in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        used = [tensors[i] for i in (*operation["inputs"], *operation["outputs"]) if i in tensors]
        yield operation["op_name"], used[-1]["name"], {np.dtype(d["dtype"]).name for d in used}


def check_the_core_is_quantized_and_nothing_else(preset, folder, manifest):
    for export in manifest["exports"]:
        if export["name"].startswith("autoencoder"):
            continue  # the two others in one
        core = set()
        for operation, name, types in operations(folder / export["name"]):
            if operation in ("FULLY_CONNECTED", "TANH") and "_linear" not in name:
                core |= types
            elif operation not in ("QUANTIZE", "DEQUANTIZE", "DELEGATE"):
                assert types <= {"float32", "int32"}, (export["name"], operation, name)  # int32: axes and shapes
        if export["quantization"] not in ("float16", "weight_only"):
            assert CORE_TYPES[export["quantization"]] <= core, export["name"]
        assert ("_linear" in str(list(operations(folder / export["name"])))) == (preset == "kinematic")


def check_units_are_physical(folder):
    for path in folder.glob("*.tflite"):
        interpreter = Interpreter(model_path=str(path))
        for details in interpreter.get_input_details() + interpreter.get_output_details():
            assert details["dtype"] == np.float32


def check_no_jet_is_spacelike(folder, quantizations):
    """E > p by construction, and the linear map beside the network carries pt exactly, for extreme jets too."""
    jets = extreme_jets(20_000)
    for quantization in quantizations:
        functions = open_export(folder / f"autoencoder.{quantization}.tflite")
        decoded = functions["decode"](functions["encode"](jets))
        assert np.isfinite(decoded).all()
        assert np.all(decoded[:, 0] > momentum(decoded[:, 1], decoded[:, 2]))
        np.testing.assert_allclose(decoded[:, 1], jets[:, 1], rtol=3e-3)


@pytest.mark.parametrize("quantization", NAMES)
def test_quantization_of_the_folded_latent_is_refused(models, splits, tmp_path, quantization):
    with pytest.raises(ExportError, match=f"{quantization}.*folded latent.*--preset kinematic"):
        export_autoencoder(
            models("folded"),
            tmp_path / "out",
            train=splits["train"],
            test=splits["test"],
            quantizations=["none", quantization],
        )
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def folded(models, precisions, splits):
    """Return the encoder's float32 file, and what it has to compute."""
    jets = {"test": splits["test"][:1000], "extreme": extreme_jets(2000)}
    references = {name: Reference(precisions("folded"), some) for name, some in jets.items()}
    return litert_bytes(models("folded"), ["encode"]), references


@pytest.mark.parametrize("quantization", ["none", *NAMES])
def test_the_refusal_is_right(splits, folded, tmp_path, quantization):
    """Every quantization of a folded encoder misses the tolerance that its float32 file keeps."""
    content, references = folded
    path = tmp_path / "encoder.tflite"
    path.write_bytes(quantize(content, quantization, {"encode": {"jets": splits["train"]}}))
    figures = {name: compare(open_export(path), reference) for name, reference in references.items()}
    if quantization == "none":
        check("encoder", figures, FLOAT32)
    else:
        with pytest.raises(ExportError, match="E of the test jet"):
            check("encoder", figures, FLOAT32)
