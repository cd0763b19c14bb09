"""Finished runs: load one, send any jets through its model, and write how they come back."""
