"""The codec for arrays: the laws of numcodecs."""

import configparser
import importlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from atlas_keras import JetCodec, load_jets
from atlas_keras.codec import jet_codec
from atlas_keras.errors import ConfigError, JetDataError, RunError
from atlas_keras.kinematics import momentum
from atlas_keras.schema import unit_factor
from tests.codec.laws import check_bounds, masses, random_jets, spoiled

JETS = load_jets()
ROOT = Path(__file__).parents[2]
ARRAY = JETS[["E", "pt", "eta", "phi"]].to_numpy()


def environment(*first):
    """Return the environment of a process that imports this package, and what is in some folders before."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*first, ROOT)))}


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
    again = JetCodec.from_config(config)
    assert again == codec
    assert again.get_config() == config
    assert again.encode(ARRAY[:50]) == codec.encode(ARRAY[:50])


def test_the_configuration_is_enough_on_another_machine(codec, run_folder, tmp_path):
    """A process that has the configuration and the content, and no run, gives the jets back."""
    config = codec.get_config()
    assert str(run_folder) not in json.dumps(config)
    assert len(json.dumps(config)) < 60_000
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "content").write_bytes(codec.encode(ARRAY[:50]))
    program = (
        "import json, sys\nfrom pathlib import Path\nimport numpy as np\nfrom atlas_keras import JetCodec\n"
        "codec = JetCodec.from_config(json.loads(Path('config.json').read_text()))\n"
        "np.save('jets.npy', codec.decode(Path('content').read_bytes()))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment())
    check_bounds(ARRAY[:50], np.load(tmp_path / "jets.npy"), codec.bounds)


def test_codecs_are_equal_where_they_do_the_same(codec, run_folder, entropy_model):
    same = JetCodec(entropy_model, 0.001)
    assert same == codec
    assert hash(same) == hash(codec)
    others = [JetCodec(run_folder, "1e-2"), JetCodec(run_folder, "1e-3", "GeV"), JetCodec(run_folder, "1e-3,mass=1e-2")]
    assert all(other != codec for other in [*others, "codec"])
    assert len({codec, same, *others}) == 4


def test_the_representation_is_short_and_tells_them_apart(codec):
    assert repr(codec) == f"JetCodec(<entropy model {codec.entropy_model.fingerprint}>, bound='1e-3', unit='MeV')"


def test_it_can_be_sent_to_another_process(codec):
    again = pickle.loads(pickle.dumps(codec))
    assert again == codec
    assert again.encode(ARRAY[:50]) == codec.encode(ARRAY[:50])


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"model": "?"}, RunError, "no base64"),
        ({"model": "AAAA"}, RunError, "a damaged entropy model"),
        ({"model": None}, ConfigError, "texts id, model, bound and unit"),
        ({"bound": "2"}, ConfigError, "bound"),
        ({"unit": "TeV"}, ConfigError, "MeV or GeV"),
        ({"run": "runs/first"}, ConfigError, "texts id, model, bound and unit"),
    ],
)
def test_configurations_that_cannot_be_are_refused(codec, change, error, match):
    with pytest.raises(error, match=match):
        JetCodec.from_config({**codec.get_config(), **change})


@pytest.mark.parametrize("sizes", [[0, 1, 255, 256], [257], [5000], [3, 0, 1000, 257, 2]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_events_of_any_size_come_back(codec, sizes, dtype):
    jets = ARRAY[: sum(sizes)].astype(dtype)
    check_bounds(jets, codec.decode(codec.encode(jets, sizes)), codec.bounds)


def test_old_content_with_long_events_is_read(entropy_model, codec, monkeypatch):
    """The first edition did not cut events, and its content says so."""
    monkeypatch.setattr(jet_codec, "CUT", 1 << 30)
    content = codec.encode(ARRAY[:400], [400])
    monkeypatch.undo()
    assert content.startswith(b"AKJ1")
    check_bounds(ARRAY[:400], JetCodec(entropy_model, "1e-3").decode(content), codec.bounds)
    assert codec.encode(ARRAY[:400], [400]).startswith(b"AKJ2")


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


ENTRY_POINTS = """
import json, sys
from pathlib import Path
import numcodecs
assert "atlas_keras" not in sys.modules
config = json.loads(Path("config.json").read_text())
codec = numcodecs.get_codec(config)
assert isinstance(codec, numcodecs.abc.Codec)
assert codec.get_config() == config
assert codec == numcodecs.get_codec(json.loads(json.dumps(codec.get_config())))
Path("found").write_text(repr(codec))
"""


def test_numcodecs_finds_it_by_its_name(codec, tmp_path):
    """Through the entry points of `setup.cfg`, as an install has them; nobody imports this package before."""
    try:
        importlib.import_module("numcodecs")
    except ValueError:
        pytest.skip("numcodecs does not import beside the zfpy of the benchmarks, whose version it cannot read")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    installed = tmp_path / "site" / "atlas_keras_of_this_test-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: atlas_keras_of_this_test\nVersion: 0\n")
    points = setup["options.entry_points"]["numcodecs.codecs"]
    (installed / "entry_points.txt").write_text(f"[numcodecs.codecs]\n{points.strip()}\n")
    (tmp_path / "config.json").write_text(json.dumps(codec.get_config()))
    program = [sys.executable, "-c", ENTRY_POINTS]
    done = subprocess.run(program, cwd=tmp_path, env=environment(tmp_path / "site"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "found").read_text() == repr(codec)


def test_it_works_without_numcodecs(codec, tmp_path):
    (tmp_path / "numcodecs.py").write_text("raise ImportError('is not installed')")
    (tmp_path / "config.json").write_text(json.dumps(codec.get_config()))
    program = (
        "import json\nfrom pathlib import Path\nfrom atlas_keras import JetCodec, load_jets\n"
        "codec = JetCodec.from_config(json.loads(Path('config.json').read_text()))\n"
        "assert JetCodec.__mro__[1:] == (object,)\n"
        "jets = load_jets()[['E', 'pt', 'eta', 'phi']].to_numpy()[:50]\n"
        "assert codec.decode(codec.encode(jets)).shape == (50, 4)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment(tmp_path))


def test_zarr_keeps_it_in_its_metadata(codec, tmp_path):
    zarr = pytest.importorskip("zarr")
    importlib.import_module("numcodecs").register_codec(JetCodec)  # what the entry point does in an install
    array = zarr.create_array(
        tmp_path / "jets.zarr", data=ARRAY[:5000], chunks=(1000, 4), zarr_format=2, compressors=codec
    )
    assert array.compressors == (codec,)
    again = zarr.open_array(tmp_path / "jets.zarr", mode="r")
    assert again.compressors == (codec,)
    check_bounds(ARRAY[:5000], again[:], codec.bounds)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="this machine has no extended precision")
@pytest.mark.parametrize("unit", ["MeV", "GeV"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bound", ["1e-3,mass=1e-2", "1e-3,mass=1e-7"])
def test_masses_of_extreme_jets_are_within_their_bound_in_extended_precision(run_folder, unit, dtype, bound):
    """Half of the jets are nearly massless: what the rounding of the file explains is computed apart from the codec."""
    jets, rng = random_jets(125_000, seed=11), np.random.default_rng(0)
    light = jets[:60_000]
    light[:, 0] = momentum(light[:, 1], light[:, 2]) * (1 + 10 ** rng.uniform(-15, -5, len(light)))
    jets = (jets * ([unit_factor("MeV", unit)] * 2 + [1, 1])).astype(dtype)
    codec = JetCodec(run_folder, bound, unit)
    back = codec.decode(codec.encode(jets)).astype(np.longdouble)
    jets = jets.astype(np.longdouble)
    before, after = masses(jets), masses(back)
    m, m_hat = np.sqrt(np.abs(before)), np.sqrt(np.abs(after))
    size = jets[:, 0] ** 2 + (jets[:, 1] * np.cosh(jets[:, 2])) ** 2
    floor = 2 * (2 if dtype == np.float32 else 4) * np.finfo(dtype).eps * size
    within = np.abs(np.sign(after) * m_hat - np.sign(before) * m) <= codec.bounds.mass * m
    assert np.all(within | (np.abs(after - before) <= floor))
