import hashlib

import pytest

from atlas_keras.checksum import list_files, sha256_of
from atlas_keras.data.source import fingerprint


@pytest.mark.parametrize("content", [b"", b"a", b"event\n" * 200_000])
def test_one_checksum_of_a_file_wherever_it_is_told(tmp_path, content):
    (tmp_path / "jets.csv").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert sha256_of(tmp_path / "jets.csv") == expected
    assert list_files(tmp_path)["jets.csv"].to_dict() == {"sha256": expected, "bytes": len(content)}
    assert fingerprint([tmp_path / "jets.csv"])["data_sha256"] == expected
