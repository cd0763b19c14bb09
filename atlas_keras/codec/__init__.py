"""Error-bounded files of jets: quantise, code, store, and verify every jet."""
