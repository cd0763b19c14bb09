import gzip
import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.data.look import choose_collection
from atlas_keras.data.samples import SAMPLE, SAMPLES
from atlas_keras.errors import JetDataError


def test_the_sample_is_what_its_provenance_says():
    provenance = json.loads((SAMPLE.parent / "provenance.json").read_text())
    text = gzip.decompress(SAMPLE.read_bytes())
    assert hashlib.sha256(text).hexdigest() == provenance["sha256_uncompressed"]
    jets = load_jets()
    assert len(jets) == provenance["n_jets"]
    assert sum(batch.n_events for batch in read_events()) == provenance["n_events"]
    assert SAMPLE.stat().st_size < 1_000_000


def test_the_sample_respects_its_selection():
    jets = load_jets(unit="GeV")
    assert jets["pt"].min() >= 20.0
    assert jets["eta"].abs().max() <= 2.8
    assert jets.groupby("event")["pt"].sum().min() > 600.0 * (1 - 1e-5)
    assert (np.diff(jets["pt"])[np.diff(jets["event"]) == 0] <= 0).all()


def test_the_sample_of_substructure_is_what_its_provenance_says():
    path = SAMPLES["substructure"]
    provenance = json.loads(path.with_suffix(".json").read_text())
    table = pq.read_table(path)
    total = hashlib.sha256()
    flat = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        flat[name] = (column.flatten() if pa.types.is_list(column.type) else column).to_numpy(zero_copy_only=False)
        total.update(name.encode() + flat[name].tobytes())
    assert total.hexdigest() == provenance["sha256_values"]
    assert table.num_rows == provenance["n_events"]
    assert len(flat["Jet_pt"]) == provenance["n_jets"] >= 10_000
    assert path.stat().st_size < 1.5e6


def test_the_sample_of_substructure_has_what_jets_have():
    collection = choose_collection(SAMPLES["substructure"], None, ["*"])
    jets = load_jets("sample:substructure", "GeV", collection=collection)
    assert len(collection) == 31
    fractions = jets[["phEF", "elEF", "muEF", "chHEF", "neHEF"]].sum(axis=1)
    assert np.abs(fractions - 1).max() <= 5 * 2.0**-11  # each is rounded to 10 bits of mantissa
    assert 0.05 < np.mean(jets["btag"] == -1) < 0.3
    assert set(jets["jetId"]) <= {0, 2, 4, 6}
    assert (jets["tau2"] <= jets["tau1"]).mean() > 0.95  # kt axes are not always the best ones
    assert (jets["nCharged"] + jets["nPhotons"] <= jets["nConstituents"]).all()


def test_a_sample_that_there_is_not_is_named_with_the_nearest():
    with pytest.raises(JetDataError, match="sample:substructur: there is no such sample; did you mean 'substructure'"):
        load_jets("sample:substructur")
