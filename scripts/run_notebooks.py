"""Run the notebooks of `docs/notebooks` and keep what they give, which the site shows.

`python scripts/run_notebooks.py`, with the extra `docs`. `tests/test_notebooks.py` runs them, too, and keeps nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "docs" / "notebooks"


def executed(path: Path, folder: str | Path) -> nbformat.NotebookNode:
    """Run a notebook in a folder, from its first cell to its last; a cell that fails raises.

    Returns:
        The notebook with what its cells give, without what libraries print meanwhile.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=1800, record_timing=False, resources={"metadata": {"path": str(folder)}})
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.output_type != "stream"]
    notebook.metadata.pop("language_info", None)  # of one Python
    return notebook


def main() -> int:
    """Run all of them."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, folder), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
