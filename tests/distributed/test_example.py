"""The documented analysis: compressed files on a cluster give the histogram of the originals."""

import runpy
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from atlas_keras.__main__ import main
from atlas_keras.data.awkward_arrays import to_awkward

EXAMPLE = Path(__file__).parents[2] / "docs" / "dijet_mass.py"


def test_the_dijet_masses_of_compressed_files_are_those_of_the_originals(sources, tmp_path, cluster):
    distributed = pytest.importorskip("distributed")
    example = runpy.run_path(str(EXAMPLE))
    columns, originals = example["COLUMNS"], 0
    for path in sources.iterdir():
        originals = originals + example["count"](
            to_awkward(pq.read_table(path, columns=columns).to_struct_array().combine_chunks())
        )
    assert originals.sum() > 20
    for bound, n_others in (("*=exact", 0), ("*pt=rel 1e-3", 2)):  # a mass may cross the edge of a bin
        out = tmp_path / bound[:3].strip("*=")
        assert main(["compress", str(sources), str(out), "--bound", bound]) == 0
        with distributed.Client(cluster):
            counts = example["main"](sorted(map(str, out.glob("*.akc"))))
        assert counts.sum() == pytest.approx(originals.sum(), abs=n_others)
        assert np.abs(np.cumsum(counts - originals)).max() <= n_others
