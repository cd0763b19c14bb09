"""Jets with made-up errors, evaluated: no training is needed to test what is made of them."""

import numpy as np
import pytest

from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import collect
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.reference import Reference
from atlas_keras.schema import FOUR_MOMENTUM


@pytest.fixture(scope="session")
def table_and_places():
    positions = EventPositions()
    return collect(positions.watch(read_events(unit="GeV"))), positions


@pytest.fixture(scope="session")
def evaluate(table_and_places):
    """Return a function that evaluates chosen jets of the sample, disturbed by 0.1 %."""
    table, positions = table_and_places
    reference = Reference.of([table.jets[4000:]], table.jets[4000:], table.jets, table.collection, "GeV")

    def build(chosen=slice(0, 4000), *, error=1e-3, against=False, x=None, event=None, collection=FOUR_MOMENTUM):
        x = table.jets[chosen] if x is None else np.asarray(x, np.float32)
        event = table.event[chosen] if event is None else np.asarray(event)
        rng = np.random.default_rng(3)
        methods = {
            key: (x * (1 + error * rng.standard_normal(x.shape))).astype(np.float32) for key in ("model", "against")
        }
        labels = {"model": "a model", "against": "another one"}
        if not against:
            del methods["against"], labels["against"]
        chunk = Chunk(x, collection, event, int(event[-1]) + 1, positions)
        return Evaluation.of(chunk, methods, labels, reference)

    return build


@pytest.fixture(scope="session")
def evaluation(evaluate):
    return evaluate(against=True)
