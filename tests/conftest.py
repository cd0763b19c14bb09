"""Shared fixtures: the real data files, where they are at hand, and helpers that write small files.

With several workers a module runs on one of them, for its fixtures are what takes time, and so does a family of
modules, which share compiled kernels or traced models; what is long begins first, so that no worker ends with it alone.
"""

import gc
import gzip
import os
import shutil
from importlib.resources import files
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.quick import leave_out_finder, leave_out_plots

# A slow machine is no failure: no example has a time to keep, no strategy a rate.
hypothesis.settings.register_profile("slow", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("slow")
# As the commands have it: TensorFlow's notes about CPUs and GPUs would stand among what the commands say.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A worker has one core to itself: threads of several workers would wait for each other, spinning.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")

# Nothing that imports make is garbage: Python need not look for it meanwhile, nor walk over TensorFlow's hundreds of
# thousands of objects again in every test (`pytest_runtestloop`).
gc.disable()

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HERE = Path(__file__).resolve().parent
FAMILIES = {"codec": "codec", "serving": "serving", "test_export.py": "serving", "test_exports.py": "serving"}
LONG = (  # in their order
    "test_pages.py",
    "test_notebooks.py",
    "test_browser.py",
    "test_site.py",
    "serving/test_parity.py",
    "codec/test_faults.py",
    "training/test_run.py",
    "training/test_any_size.py",
    "tuning/test_search.py",
    "test_evaluate.py",
    "evaluation/test_plots.py",
    "test_consumers.py",
    "models/test_presets.py",
    "models/test_fine_tuning.py",
    "models/test_backends.py",
    "training/test_hypermodel.py",
    "models/test_faults.py",
    "test_registration.py",
)
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL_DATA = Path(os.environ.get("ATLAS_KERAS_DATA", BESIDE))


def pytest_collection_modifyitems(items):
    """Put the tests of long modules first."""
    ranks = {HERE / name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path, len(LONG)))  # stable: a module keeps its order


class Families(LoadFileScheduling):
    """Gives a module, or a family of them, to one worker."""

    def _split_scope(self, nodeid):
        module = nodeid.partition("::")[0].removeprefix(f"{HERE.name}/")
        return FAMILIES.get(module.partition("/")[0], module)


def pytest_xdist_make_scheduler(config, log):
    return Families(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    """Look for garbage from here on, among what the tests make."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # of 700, 10, 10: figures and graphs are many objects, of which few are garbage
    gc.enable()


@pytest.fixture(scope="session")
def real_file():
    """Return the path of a real data file, or skip: a fresh machine does not have them."""

    def find(name: str) -> Path:
        path = REAL_DATA / name
        if not path.exists():
            pytest.skip(f"the real data file {name} is not at hand")
        return path

    return find


@pytest.fixture(scope="session")
def small_file(tmp_path_factory):
    """Return a file of some 2,000 jets of the shipped sample."""
    path = tmp_path_factory.mktemp("jets") / "small.csv"
    with gzip.open(str(files("atlas_keras") / "data" / "sample" / "qcd_jets.csv.gz"), "rt") as stream:
        path.write_text("".join(line for _, line in zip(range(400), stream, strict=False)))
    return path


@pytest.fixture
def without_plots(monkeypatch):
    """Let trainings and evaluations draw no plots, where a test is about something else."""
    leave_out_plots(monkeypatch.setattr)


@pytest.fixture
def without_finder(monkeypatch):
    """Let trainings look for no learning rate, where it is given and a test is about something else."""
    leave_out_finder(monkeypatch.setattr)


@pytest.fixture(scope="session")
def precisions_of():
    """Return a function from a model to its `Precisions`, of which models with one fingerprint share one.

    Tracing them takes seconds, and running them changes nothing.
    """
    from atlas_keras.models.fingerprint import fingerprint
    from atlas_keras.serving.parity import Precisions

    known = {}

    def precisions(model):
        key = fingerprint(model)
        if key not in known:
            known[key] = Precisions(model)
        return known[key]

    return precisions


@pytest.fixture(scope="session")
def export_traced_once(precisions_of):
    """Return `export_autoencoder` that proves its files by `Precisions` that were traced before, if they were."""
    from atlas_keras.serving import artifacts

    def export(*args, **kwargs):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(artifacts, "Precisions", precisions_of)
            return artifacts.export_autoencoder(*args, **kwargs)

    return export


@pytest.fixture(scope="session")
def entropy_model():
    """Learn the entropy model of the shipped sample's training split, as a run does."""
    from atlas_keras.codec.entropy_model.fitting import collect_events, fit_entropy_model
    from atlas_keras.config import DataConfig
    from atlas_keras.data.readers import read_events
    from atlas_keras.data.splitting import split_of_events

    return fit_entropy_model(collect_events(read_events(), split_of_events(4097, DataConfig(), 0) == 0))


@pytest.fixture(scope="session")
def run_folder(entropy_model, tmp_path_factory):
    """Return a folder that holds what compress needs of a run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    (folder / "entropy_model.npz").write_bytes(entropy_model.to_bytes())
    return folder


@pytest.fixture(scope="session")
def cluster():
    """Return the address of a cluster whose workers are threads of this process."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra docs)")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))  # a browser reserves much; `decompress` limits its process
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
