"""The notebooks run from top to bottom, and what is stored of them is small."""

from pathlib import Path

import nbformat
import pytest

from scripts.run_notebooks import NOTEBOOKS, executed

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))


def name_of(path):
    return path.stem


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_what_is_stored_is_small_and_whole(path):
    assert path.stat().st_size < 100_000
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run scripts/run_notebooks.py"
    assert any("image/png" in output.data for cell in cells for output in cell.outputs) or "elsewhere" in path.stem
    assert str(Path.home()) not in path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_notebooks_run(path, tmp_path):
    """And give as much as is stored of them."""
    stored = nbformat.read(path, as_version=4)
    for now, then in zip(executed(path, tmp_path).cells, stored.cells, strict=True):
        if now.cell_type == "code":
            assert [output.data.keys() for output in now.outputs] == [output.data.keys() for output in then.outputs]
