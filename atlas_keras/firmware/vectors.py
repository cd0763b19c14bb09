"""What firmware is checked with: jets, extremes, every value of every field, random jets; and their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_keras.firmware.hardware_format import Hardware, Integers

MAX_CORNERS = 12  # fields of which all combinations of lowest and highest are tried


def make_vectors(hardware: Hardware, jets: Integers, n_random: int) -> dict[str, Integers]:
    """Return whole numbers of a hardware format by what they are for.

    Args:
        hardware: the format.
        jets: of files, shape `(n_jets, n_fields)`.
        n_random: how many random ones are drawn: half of them uniformly, half so that every power of two is as likely.
    """
    return {
        "jets": jets,
        "extremes": _corners(hardware),
        "every value of every field": _sweep(hardware),
        "random": _random(hardware, n_random, np.random.default_rng(0)),
    }


def _corners(hardware: Hardware) -> Integers:
    """Return lowest and highest of all fields, in all combinations, and what is beside zero."""
    lows = np.array([field.low for field in hardware.fields])
    highs = lows + [(1 << field.bits) - 1 for field in hardware.fields]
    n = min(len(lows), MAX_CORNERS)
    chosen = np.arange(1 << n)[:, None] >> np.minimum(np.arange(len(lows)), n - 1) & 1
    near = np.clip(np.array([[-1], [0], [1]]), lows, highs)
    return np.concatenate([np.where(chosen, highs, lows), near])


def _sweep(hardware: Hardware) -> Integers:
    """Return jets in which every field takes its every value, all at once, each with a stride of its own."""
    t = np.arange(1 << max(field.bits for field in hardware.fields))
    columns = [(t * (2 * index + 1) & (1 << f.bits) - 1) + f.low for index, f in enumerate(hardware.fields)]
    return np.stack(columns, axis=1)


def _random(hardware: Hardware, n: int, rng: np.random.Generator) -> Integers:
    """Return random jets: of every second one, the fields without a sign are of any size."""
    columns = []
    for field in hardware.fields:
        u = rng.integers(0, 1 << field.bits, n)
        if not field.signed:
            u[1::2] >>= rng.integers(0, field.bits, len(u[1::2]))
        columns.append(u + field.low)
    return np.stack(columns, axis=1)


def digits(bits: int) -> int:
    """Return how many hexadecimal digits so many bits take."""
    return -(-bits // 4)


def write_vectors(path: Path, hardware: Hardware, rows: Integers, words: NDArray[np.uint64], word_bits: int) -> None:
    """Write `vectors.hex` for `$readmemh`: a line a jet, with each field and the word in whole hexadecimal digits."""
    masks = [(1 << field.bits) - 1 for field in hardware.fields]
    widths = [*(digits(field.bits) for field in hardware.fields), digits(word_bits)]
    columns = [*(rows & masks).T.tolist(), words.tolist()]
    line = "_".join(f"{{:0{width}x}}" for width in widths).format
    with path.open("w", encoding="ascii") as stream:
        stream.writelines(line(*numbers) + "\n" for numbers in zip(*columns, strict=True))
