"""Error-bounded files of jets: quantize, code, store, and verify every jet."""
