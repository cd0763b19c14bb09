"""What forked processes find imported; Python looks for no garbage among it, as in `tests/conftest.py`."""

import gc
import importlib

gc.disable()
for name in ("tensorflow", "atlas_keras.training.run"):
    importlib.import_module(name)
gc.freeze()
gc.set_threshold(20_000, 20, 20)
gc.enable()
