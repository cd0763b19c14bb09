"""The laws of field codes: cells in order, without gaps, each with its middle; and what each of them promises."""

import numpy as np
import pytest

from atlas_keras.errors import ConfigError
from atlas_keras.firmware.codes import code_from_dict
from atlas_keras.firmware.minifloat import Minifloat
from atlas_keras.firmware.octaves import Octaves
from atlas_keras.firmware.steps import Steps

CODES = [
    *(Steps(10, step) for step in (1, 2, 3, 7, 27, 64, 1023, 1024)),
    Steps(1, 1),
    *(Minifloat(10, mantissa) for mantissa in range(10)),
    Minifloat(1, 0),
    *(Octaves(10, cells, min(max((cells - 1).bit_length() + 3, 3), 9)) for cells in (1, 2, 3, 5, 8, 19, 64)),
]


@pytest.mark.parametrize("code", CODES, ids=repr)
def test_cells_follow_each_other(code):
    u = np.arange(1 << code.bits)
    codes = code.encode(u)
    assert codes[0] == 0
    assert (np.diff(codes) >= 0).all()
    assert codes[-1] == code.n_codes - 1 < 1 << code.code_bits
    used = np.unique(codes)
    assert len(used) == code.n_codes or isinstance(code, Octaves)  # whose lowest octave may lack numbers for a cell
    low, high = (np.array([edge(u[codes == c]) for c in used]) for edge in (np.min, np.max))
    assert (code.decode(used) == (low + high) / 2).all()
    assert code_from_dict(code.to_dict()) == code


@pytest.mark.parametrize("mantissa", [0, 3, 6])
def test_a_minifloat_is_off_by_its_last_bit_at_most(mantissa):
    u = np.arange(1, 1 << 14)
    code = Minifloat(14, mantissa)
    assert (abs(code.decode(code.encode(u)) - u) <= u * 2.0 ** -(mantissa + 1)).all()
    assert (code.encode(u[: 2 << mantissa]) == u[: 2 << mantissa]).all()


def test_a_reciprocal_divides():
    for step in (1, 3, 16, 27, 1000):
        factor, shift = Steps(12, step).reciprocal()
        assert all(u * factor >> shift == u // step for u in range(1 << 12))
    assert Steps(12, 16).reciprocal() == (1, 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "minifloats", "bits": 8}, "Unknown field code 'minifloats'; did you mean 'minifloat'?"),
        ({"kind": "minifloat", "bits": 8, "mantissa": 8}, "A mantissa has 0 to 7 bits. Received: 8"),
        ({"kind": "steps", "bits": 8, "step": 0}, "A step is 1 to 256. Received: 0"),
        ({"kind": "octaves", "bits": 8, "cells": 0, "address": 4}, "An octave has 1 to 128 cells. Received: 0"),
        ({"kind": "octaves", "bits": 8, "cells": 9, "address": 3}, "an address of 4 to 7 bits. Received: 3"),
        ({"kind": "steps", "bits": 8}, "'step' is missing"),
    ],
)
def test_codes_that_cannot_be(values, message):
    with pytest.raises(ConfigError) as raised:
        code_from_dict(values)
    assert message in str(raised.value)
