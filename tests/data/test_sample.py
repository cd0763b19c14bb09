import gzip
import hashlib
import json

import numpy as np

from atlas_keras import load_jets, read_events
from atlas_keras.data.readers import SAMPLE


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
