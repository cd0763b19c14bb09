"""What users of exports do in environments that lack this package; the wheel, and its install without TensorFlow."""

import json
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import twine.commands.check

from atlas_keras import __version__, load_autoencoder, load_jets
from atlas_keras.serving.parity import Reference
from tests.environments import build_distributions, install, installed_environment, linked_environment
from tests.rounding import check_jets

ROOT = Path(__file__).parents[1]
EXPORTS = ROOT / "exports"
SHOWN = "preset {}, columns E [MeV] pt [MeV] eta [1] phi [rad]"
CALLS = """
import importlib.util, json, runpy, sys
print(*[name for name in ("tensorflow", "keras", "atlas_keras", "numpy") if importlib.util.find_spec(name)])
script, calls = sys.argv[1], json.loads(sys.argv[2])
for arguments in calls:
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")
"""
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


def call(consumer, *calls, folder):
    """Run a script once for each list of arguments, in one process: what it prints, behind a line of packages."""
    python, script = consumer
    return run(python, "-c", CALLS, script, json.dumps([list(map(str, call)) for call in calls]), folder=folder)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    return build_distributions(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(distributions):
    return distributions[1]


def test_wheel_holds_the_package_and_its_data_only(wheel):
    """Every module, and every file that stands beside the modules."""
    names = set(zipfile.ZipFile(wheel).namelist())
    about = f"atlas_keras-{__version__}.dist-info/"
    assert {name for name in names if not name.startswith(about)} == packaged()
    assert f"{about}licenses/LICENSE" in names


def test_sdist_holds_what_the_wheel_is_made_from_and_its_words(distributions):
    with tarfile.open(distributions[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if not archive.getmember(name).isdir()}
    words = {"README.md", "CHANGELOG.md", "LICENSE", "CITATION.cff", "setup.cfg", "pyproject.toml"}
    made = {"PKG-INFO", "MANIFEST.in"}
    assert {name for name in names if not name.startswith("atlas_keras.egg-info/")} == packaged() | words | made


def packaged():
    """Return what a package holds: the files of the checkout below `atlas_keras` that are no cache."""
    files = (path for path in (ROOT / "atlas_keras").rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_package_indexes_take_both(distributions):
    assert twine.commands.check.check([str(path) for path in distributions], strict=True) is False, "twine finds faults"


def test_citation_is_of_this_package():
    """Citation files are YAML; this one says no version, which stands in `atlas_keras/__init__.py` alone."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert text.startswith("cff-version: 1.2.0\n")
    assert not re.search(r"^version:", text, re.MULTILINE)


@pytest.mark.slow
def test_exports_in_environments_without_this_package(wheel, precisions_of, tmp_path):
    """Show, encode in one process and decode in another by another format; then install the package for edges."""
    litert = installed_environment(tmp_path / "edge", "numpy", "ai-edge-litert"), EXPORTS / "use_litert.py"
    saved = linked_environment(tmp_path / "tensorflow", "tensorflow", without=["keras"]), EXPORTS / "use_saved_model.py"
    jets = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:2000]
    np.save(tmp_path / "jets.npy", jets)
    kinematic, folded = (["--folder", EXPORTS / preset] for preset in ("kinematic", "folded"))

    by_litert = call(
        litert,
        [],
        [*kinematic, "--quantization", "int8"],
        [*kinematic, "--encode", "jets.npy", "kinematic_latent.npy"],
        folder=tmp_path,
    )
    by_saved_model = call(
        saved,
        [],
        [*kinematic, "--decode", "kinematic_latent.npy", "kinematic_back.npy"],
        [*folded, "--encode", "jets.npy", "folded_latent.npy"],
        folder=tmp_path,
    )
    run(*litert, *folded, "--decode", "folded_latent.npy", "folded_back.npy", folder=tmp_path)

    for shown, packages in ((by_litert, "numpy"), (by_saved_model, "tensorflow numpy")):
        found, preset = shown.splitlines()[:2]
        assert found == packages
        assert preset == SHOWN.format("folded")
        assert shown.count("->") >= 2
    assert by_litert.splitlines().count(SHOWN.format("kinematic")) == 1
    for preset in ("kinematic", "folded"):
        model = load_autoencoder(EXPORTS / preset / "run")
        check_jets(np.load(tmp_path / f"{preset}_back.npy"), Reference(precisions_of(model), jets))

    check_package_without_tensorflow(litert[0], wheel, tmp_path)


def check_package_without_tensorflow(python, wheel, folder):
    install(python, "--no-deps", str(wheel))
    run(python, "-c", WITHOUT_TENSORFLOW, EXPORTS / "folded", folder=folder)
    golden = ROOT / "tests" / "codec" / "golden" / "v2_dense.jets"
    uses = {
        "train": ["--out", "run"],
        "evaluate": ["run"],
        "export": [EXPORTS / "folded" / "run", "--out", "out"],
        "compress": ["run", "in.csv", "out", "--bound", "1e-3"],
        "decompress": [golden, "out.parquet"],
        "info": [golden],
    }
    for command, arguments in uses.items():
        line = [str(python), "-I", "-m", "atlas_keras", command, *map(str, arguments)]
        done = subprocess.run(line, capture_output=True, text=True, cwd=folder, env={})
        assert done.returncode == 1
        assert re.match(
            rf"atlas-keras {command}: \w+ is not installed: this install runs exported encoders and decoders only; "
            r"`pip install \.` in a checkout brings the rest\n$",
            done.stderr,
        ), done.stderr
