"""The codec for arrays: the laws of numcodecs."""

import json

import numpy as np
import pytest

from atlas_keras import JetCodec, load_jets
from atlas_keras.errors import ConfigError, JetDataError, RunError
from tests.codec.laws import check_bounds, random_jets, spoiled

JETS = load_jets()
ARRAY = JETS[["E", "pt", "eta", "phi"]].to_numpy()


@pytest.fixture(scope="module")
def codec(run_folder):
    return JetCodec(run_folder, "1e-3")


@pytest.mark.parametrize("jets", [ARRAY[:2000], ARRAY[:1], ARRAY[:0], spoiled(random_jets(3000, 1), 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_encoded_is_decoded_within_the_bound(codec, jets, dtype):
    with np.errstate(over="ignore"):
        jets = jets.astype(dtype)
    back = codec.decode(codec.encode(jets))
    assert back.dtype == dtype
    assert back.shape == jets.shape
    check_bounds(jets, back, codec.bounds)


@pytest.mark.parametrize("bound", ["1e-7", "1e-6", "1e-3,mass=1e-2"])
def test_single_precision_keeps_small_bounds(run_folder, bound):
    jets = ARRAY[:3000].astype(np.float32)
    codec = JetCodec(run_folder, bound)
    back = codec.decode(codec.encode(jets))
    assert back.dtype == np.float32
    check_bounds(jets, back, codec.bounds)


def test_events_make_it_smaller(codec):
    counts = np.bincount(JETS["event"])
    together, apart = codec.encode(ARRAY, counts), codec.encode(ARRAY)
    assert len(together) < 0.97 * len(apart)
    check_bounds(ARRAY, codec.decode(together), codec.bounds)


def test_out_is_filled(codec):
    out = np.zeros((100, 4))
    assert codec.decode(codec.encode(ARRAY[:100]), out) is out
    check_bounds(ARRAY[:100], out, codec.bounds)


def test_the_configuration_is_json_and_makes_the_same_codec(codec):
    config = json.loads(json.dumps(codec.get_config()))
    assert config["id"] == JetCodec.codec_id
    assert JetCodec.from_config(config).encode(ARRAY[:50]) == codec.encode(ARRAY[:50])


def test_units_are_kept_apart(run_folder, codec):
    gev = JetCodec(run_folder, "1e-3", unit="GeV")
    back = gev.decode(gev.encode(ARRAY[:500] / [1e3, 1e3, 1, 1]))
    np.testing.assert_allclose(back * [1e3, 1e3, 1, 1], codec.decode(codec.encode(ARRAY[:500])), rtol=1e-9)


def test_damage_other_content_and_other_models_are_told(codec, run_folder):
    content = codec.encode(ARRAY[:50])
    for broken in (b"", content[:10], content[:-1], b"XXXX" + content[4:], content[:-1] + bytes([content[-1] ^ 1])):
        with pytest.raises(JetDataError, match="content"):
            codec.decode(broken)
    with pytest.raises(RunError, match="made with the model"):
        codec.decode(content[:8] + b"\0" * 8 + content[16:])
    for other in (JetCodec(run_folder, "1e-2"), JetCodec(run_folder, "1e-3", unit="GeV")):
        with pytest.raises(RunError, match="another bound or unit"):
            other.decode(content)


def test_bad_arguments_are_told(codec, run_folder):
    with pytest.raises(ValueError, match=r"shape \(n_jets, 4\)"):
        codec.encode(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="adds up"):
        codec.encode(ARRAY[:5], [2, 2])
    with pytest.raises(ConfigError, match="bound"):
        JetCodec(run_folder, "2")


def test_numcodecs_finds_it(codec, run_folder):
    try:
        import numcodecs
    except ValueError:
        pytest.skip("numcodecs does not import beside the zfpy of the benchmarks, whose version it cannot read")
    numcodecs.register_codec(JetCodec)
    found = numcodecs.get_codec(codec.get_config())
    check_bounds(ARRAY[:99], found.decode(found.encode(ARRAY[:99])), codec.bounds)
