"""A quantized encoder as Verilog and as C++: field codes by our templates, the network by alkaid."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

import atlas_keras
from atlas_keras.firmware.emulation import arguments, check, code_of, functions
from atlas_keras.firmware.rtl import code_modules, coded, coding
from atlas_keras.firmware.templates import fill
from atlas_keras.firmware.trigger_encoder import TriggerEncoder

DELAY = 4.0  # of a stage of the pipeline, in alkaid's units: full adders of a LUT each, as it estimates them
TOP = "encoder"
NETWORK = """  // Edges behind: the network. Its inputs are codes in two's complement: with their highest bits inverted.
  network network_ (.clk(clk), .model_inp({{{}}}), .model_out(word));"""


def write_verilog(encoder: TriggerEncoder, folder: Path) -> int:
    """Write the files of `rtl/`, and return the latency: clock edges to the word, both counted.

    Args:
        encoder: that is written.
        folder: to write into; it exists.
    """
    from alkaid.codegen import RTLModel  # an optional package
    from alkaid.trace.pipeline import to_pipeline

    # Codes come out of registers.
    pipeline = to_pipeline(encoder.logic, latency_cutoff=DELAY, verbose=False, reg_inp=False)
    with tempfile.TemporaryDirectory() as scratch:
        model = RTLModel(pipeline, path=scratch, prj_name="network", print_latency=False)
        model.write()
        for path in Path(scratch, "src").rglob("*.v"):
            if not path.name.endswith("_wrapper.v"):
                shutil.copyfile(path, folder / path.name)
    latency = coded(encoder.codes) + len(pipeline.logic)
    for name, text in {"encoder.v": _top(encoder, latency), **code_modules(encoder.hardware, encoder.codes)}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return latency


def _top(encoder: TriggerEncoder, latency: int) -> str:
    """Return the top module."""
    taken = []
    kept = zip(*(np.ravel(part).astype(int).tolist() for part in encoder.logic.inp_kifs), strict=True)
    for field, code, (signed, integers, fraction) in zip(encoder.hardware.fields, encoder.codes, kept, strict=True):
        if signed + integers + fraction > 0:  # of an input that no weight is left of, alkaid takes no bit
            low, high = code.code_bits - 2 - fraction, code.code_bits - 1
            rest = f", {field.name}_code[{high - 1}:{low}]" if high > low else ""
            taken.append(f"~{field.name}_code[{high}]{rest}")
    return fill(
        "top.v",
        word_msb=encoder.word.bits - 1,
        latency=latency,
        rest=NETWORK.format(", ".join(reversed(taken))),
        **coding(TOP, encoder.hardware, encoder.codes, describe_numbers(encoder)),
        word_bits=encoder.word.bits,
    )


def describe_numbers(encoder: TriggerEncoder) -> list[str]:
    """Tell of each number where it stands in the word, and what its bits are."""
    kinds = {True: "two's complement", False: "unsigned"}
    return [
        f"number {at}: bits {place} to {place + n.bits - 1}, {kinds[n.signed]}, in units of 2^-{n.fraction}"
        for at, (n, place) in enumerate(encoder.word.places(), 1)
    ]


def write_cpp(encoder: TriggerEncoder, folder: Path, n_vectors: int) -> None:
    """Write the files of `emulation/`: the network by alkaid, with the types of AMD that it needs."""
    from alkaid.codegen import HLSModel  # an optional package

    with tempfile.TemporaryDirectory() as scratch:
        model = HLSModel(encoder.logic, prj_name="network", path=scratch, flavor="vitis", print_latency=False)
        model.write()
        source = Path(scratch, "src")
        shutil.copyfile(source / "network.hh", folder / "network.hh")
        shutil.copytree(source / "static" / "ap_types", folder / "ap_types")
    (folder / "encoder.h").write_text(_header(encoder), encoding="utf-8")
    text = check(encoder.hardware, n_vectors, "encoder::encode")
    (folder / "check.cpp").write_text(text, encoding="utf-8")


def _header(encoder: TriggerEncoder) -> str:
    takes, word = [], []
    for index, (field, code) in enumerate(zip(encoder.hardware.fields, encoder.codes, strict=True)):
        half, unit = 1 << code.code_bits - 1, 2.0 ** (code.code_bits - 2)
        takes.append(f"  in[{index}] = (double({code_of(field)}) - {half}) / {unit};")
    for index, (number, place) in enumerate(encoder.word.places()):
        value = f"std::uint64_t(std::int64_t(out[{index}].to_double() * {2.0**number.fraction}))"
        word.append(f"({value} & {hex((1 << number.bits) - 1)}ull) << {place}")
    return fill(
        "encoder.h",
        title=encoder.hardware.title,
        version=atlas_keras.__version__,
        word_bits=encoder.word.bits,
        functions=functions(encoder.hardware, encoder.codes),
        arguments=arguments(encoder.hardware),
        n_inputs=len(encoder.codes),
        n_outputs=len(encoder.word.numbers),
        takes="\n".join(takes),
        word=" | ".join(word),
    )
