"""Old files stay readable: what one version wrote is read by every later one, to the last digits of a double."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from atlas_keras.codec.files import decompress_file, describe_file
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.readers import read_events

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("v*.jets"))


def test_there_are_golden_files():
    cases = ("dense", "dense_mass", "lossless", "portable")
    assert [path.name for path in FILES] == [f"v{version}_{case}.jets" for version in (1, 2) for case in cases]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_files_decode(path, tmp_path):
    decompress_file(path, tmp_path / "back.parquet")
    keep = InvalidPolicy("keep")
    jets = next(read_events([tmp_path / "back.parquet"], policy=keep)).jets()
    expected = np.load(path.with_suffix(".npy"))
    if "lossless" in path.stem:
        np.testing.assert_array_equal(jets.view(np.int64), expected.view(np.int64))
    np.testing.assert_allclose(jets, expected, rtol=1e-12, atol=1e-12)
    source = pq.read_table(GOLDEN / f"{path.stem.partition('_')[0]}_source.parquet")
    back = pq.read_table(tmp_path / "back.parquet")
    for name in source.column_names:
        if name not in ("E", "pt", "eta", "phi"):
            assert back[name].to_pylist() == source[name].to_pylist()
    before = next(read_events([GOLDEN / f"{path.stem.partition('_')[0]}_source.parquet"], policy=keep)).jets()
    bounds = describe_file(path)[0].header.bounds
    if bounds:
        kept = bounds.kept(before, jets)
        assert np.sum(~kept) == 2  # those without an error, stored as they are
        np.testing.assert_array_equal(before[~kept].view(np.int64), jets[~kept].view(np.int64))
