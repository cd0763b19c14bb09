"""The house is as CONTRIBUTING tells it: every module has a floor, and imports from floors below its own or from it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "atlas_keras"


def floors():
    """Read the table of floors: folders and modules, by path inside the package."""
    rows = re.findall(r"^\| (\d) \| ([^|]+) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    return {name.rstrip("/"): int(floor) for floor, cell in rows for name in re.findall(r"`([^`]+)`", cell)}


def floor_of(path, known):
    """Return the floor of a module, its own or that of its folder."""
    name = path.relative_to(PACKAGE).as_posix()
    return known.get(name, known.get(name.partition("/")[0]))


def imported(path):
    """Return the modules of the package that one imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("atlas_keras."):
                module = PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py")
                if module.exists():
                    yield module


def test_every_module_has_a_floor():
    known = floors()
    assert len(known) > 20
    outside = {"__init__.py", "registration.py"}  # of no floor: they name modules of all of them
    paths = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).as_posix() not in outside]
    assert [str(path) for path in paths if floor_of(path, known) is None] == []


def test_arrows_point_down():
    known = floors()
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        own = floor_of(path, known)
        for module in imported(path):
            floor = floor_of(module, known)
            if own is not None and floor is not None and floor > own:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {module.relative_to(PACKAGE)}")
    assert wrong == []


# Modules that are about the four-momentum: formulas, observables, the published figures and their baselines, the Dark
# Machines format, presets for it, the codec, the names that files have for it, what hardware has of it; and those where
# it is the default, because a format's jets have it.
FOUR = {
    "schema.py", "kinematics.py", "codec", "evaluation/observables.py", "evaluation/published_figures.py",
    "evaluation/baselines.py", "data/dark_machines.py", "data/dark_machines_format.py", "data/dark_machines_jets",
    "models/building.py", "serving/extremes.py", "data/naming.py", "data/layouts.py", "firmware/variables.py",
    "layers/jet_variables.py", "data/leading_objects.py",
}  # fmt: skip
DEFAULT = {
    "data/data_config.py", "data/find_collection.py", "data/look.py", "data/readers.py",
    "models/autoencoder.py",
}  # fmt: skip


def test_no_other_module_names_the_four_columns():
    named = set()
    for path in PACKAGE.rglob("*.py"):
        code = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
        if re.search(r'FOUR_MOMENTUM|(["\'])(E|pt)\1', code):
            name = path.relative_to(PACKAGE).as_posix()
            named.add(next((room for room in FOUR | DEFAULT if name == room or name.startswith(f"{room}/")), name))
    assert named == FOUR | DEFAULT


def test_what_comes_with_the_checkout_stands_on_the_library_alone():
    """tuning/ and benchmarks/ use atlas_keras, and neither uses the other."""
    root = PACKAGE.parent
    for folder, other in (("tuning", "benchmarks"), ("benchmarks", "tuning"), ("atlas_keras", "(tuning|benchmarks)")):
        for path in (root / folder).rglob("*.py"):
            assert not re.search(rf"^\s*(from|import) {other}\b", path.read_text(), re.MULTILINE), path


def test_contributing_names_files_that_are_there():
    """By their paths in the repository or in the package; a bare name is that of a file somewhere in it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./-]+(?:\.(?:py|md|toml|json|cfg|yml)|/))`", text))
    assert len(named) > 90
    known = {path.name for path in PACKAGE.rglob("*.py")}
    missing = [name for name in named if not (ROOT / name).exists() and not (PACKAGE / name).exists()]
    assert [name for name in missing if name not in known] == []
